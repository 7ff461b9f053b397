"""The comparison: models × data sets × fits × seeds, resumable, with intervals, seconds and memory."""
