"""An expression as statements of C++ with `ap_int`, for one element: the layer of hls4ml."""

from collections.abc import Callable

from xnorforge.hw.ir.values import COMPARES, Value, flat


def statements(value: Value, places: Callable[[Value], str]) -> tuple[list[str], str]:
    """Statements, and the expression of the result.

    Args:
        places: what to write for an input, a table, or the entries of a channel.
    """
    lines: list[str] = []
    names: dict[int, str] = {}
    for one in flat(value):
        if one.op == "number":
            names[id(one)] = f"{one.lo}LL" if abs(one.lo) < 2**62 else f'ap_int<{one.bits}>("{one.lo}", 10)'
        elif one.op in ("input", "table"):
            names[id(one)] = places(one)
        elif one.op == "entry":
            names[id(one)] = f"{ap_type(one)}({places(one)}[{names[id(one.args[0])] if one.args else 0}])"
        elif one.op in ("cut", "within"):
            names[id(one)] = names[id(one.args[0])]
        else:
            name = names[id(one)] = f"{one.name or 'v'}_{len(lines)}"
            lines.append(f"{ap_type(one)} {name} = {_formula(one, [names[id(arg)] for arg in one.args])};")
    return lines, names[id(value)]


def ap_type(one: Value) -> str:
    """The type of a value."""
    return "ap_uint<1>" if one.is_bit else f"ap_int<{one.bits}>"


def _formula(one: Value, args: list[str]) -> str:
    kind, widest = ap_type(one), ap_type(max(one.args, key=lambda arg: arg.bits))
    match one.op:
        case "low":
            return f"ap_uint<{one.data}>({args[0]})"
        case "wrap":
            bits, signed = one.data
            return f"ap_{'' if signed else 'u'}int<{bits}>({args[0]})"
        case "choose":
            return f"{args[0]} ? {kind}({args[1]}) : {kind}({args[2]})"
        case "~":
            return f"-1 - {kind}({args[0]})"
        case "!":
            return f"!{args[0]}"
        case ">>":
            return f"{widest}({args[0]}) >> {one.data}"
        case "<<":
            return f"{kind}({args[0]}) << {one.data}"
    wide = widest if one.op in COMPARES or one.is_bit else kind
    return f" {one.op} ".join(f"{wide}({arg})" for arg in args)
