"""What an operator says of itself to hls4ml (`hw/ops/<name>/hls.py`): layers of its network."""
