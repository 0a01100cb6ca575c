"""Training of ppcr-tiny on the tabletop world; ``ppcr train tiny`` runs all of it."""
