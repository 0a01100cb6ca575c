"""The three stages of PPCR, one file each; they know the types and never each other."""
