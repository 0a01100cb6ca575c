"""The subcommands of ``ppcr`` that measure, train and export."""
