"""Training: objectives, sampling, the Lightning module, checkpoints.  ``kgrec.training.train.train`` is the way in."""
