"""The models behind the stages; torch and transformers live here only, behind `factory`."""
