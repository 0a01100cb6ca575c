"""The everyday world: randomised forms, prints, tables, rooms, light and cameras, to train in."""
