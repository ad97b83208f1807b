"""Yosys' `abc9` on one module at a time, with all other modules temporarily reduced to their ports.

By itself, abc9 goes through every module of the design once for each module that it maps, which takes a
seventh of the synthesis time of cifar10-cnv. The netlist is the same (tests/flows/test_yosys_job.py).
"""


def map_luts(design, command: str) -> None:
    """Run `command`, an `abc9` with its options, on the modules that are selected in `design`."""
    from pyosys.libyosys import Design

    design.run_pass(f"{command} -run :exe")
    whole = {str(module.name): module for module in design.selected_modules()}
    stubs, aside = Design(), Design()  # Yosys gives names away again that stand in no design
    ports = {name: _ports_only(module, stubs) for name, module in whole.items()}
    design.bufNormalize(True)  # all once, then the module before, as Yosys does it by itself: names follow
    design.bufNormalize(False)
    nothing, before = aside.modules_, ""
    for name in whole:
        shown, hidden = design.modules_, aside.modules_
        for key in list(shown):
            if str(key) in whole and str(key) not in (name, before):
                shown[key], hidden[key] = ports[str(key)], whole[str(key)]
        design.modules_, aside.modules_ = shown, hidden
        design.run_pass(f"select -module {name}")
        design.run_pass(f"{command} -run exe:unmap")
        design.run_pass("select -clear")
        shown = design.modules_  # with the kinds of cells that were made just now
        for key in list(shown):
            if str(key) in whole:
                shown[key] = whole[str(key)]
        design.modules_, aside.modules_ = shown, nothing
        before = name
    design.run_pass(f"select {' '.join(whole)}")
    design.run_pass(f"{command} -run unmap:")


def _ports_only(module, design):
    """A module without contents in place of `module`, kept by `design`."""
    stub = design.addModule(module.name)
    for wire in module.wires_.values():
        if wire.port_id:
            port = stub.addWire(wire.name, wire.width)
            port.port_id = wire.port_id
            port.port_input, port.port_output = wire.port_input, wire.port_output
    stub.fixup_ports()
    stub.design = module.design
    return stub
