"""What a notebook shows beside its own output: the GPU, the course, a long training."""
