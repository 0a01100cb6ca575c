"""MLLMs that an OpenAI-compatible engine serves; no torch is imported here."""
