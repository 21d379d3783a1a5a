"""Pages that the device itself serves, to who sits at it or comes through SSH."""
