"""Reads from a command's words alone what it asks for, before any model is asked."""
