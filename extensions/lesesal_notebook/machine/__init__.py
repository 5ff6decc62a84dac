"""What the machine tells of itself: processors, memory, processes, GPUs, energy."""
