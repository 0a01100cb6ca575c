"""The tabletop world: random scenes of simple objects, rendered with MuJoCo."""
