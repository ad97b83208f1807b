"""Operators as expressions: values with ranges, and what renders them.

`values` has the operations, `meaning` computes them with numpy, `verilog` writes them as a streaming module,
`cpp` as the body of a loop for C++ and HLS, `leaves` lists what they take on a part.
"""
