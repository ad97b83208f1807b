"""The integer graph, and what the lowering rule of an operator (`hw/ops/<name>/lower.py`) is made of: values
and their exact numbers, the walk that applies the rules (`flows/lower`), the place where they are entered
(`registry.py`), and the graph as ONNX (`nodes.py`, `emit.py`)."""
