"""What a command asks for, read from its words alone, before any model is asked."""
