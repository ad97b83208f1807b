"""What compares the integer graph with the exact network, its golden scores and FINN's execution."""
