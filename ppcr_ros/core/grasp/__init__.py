"""Grasp targets from a mask and its depth."""
