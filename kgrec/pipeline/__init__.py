"""The only place that wires everything: stages, the run directory, the run."""
