"""Running: bit simulator, Verilator, netlist simulation, comparison."""
