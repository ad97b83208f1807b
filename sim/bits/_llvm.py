"""What the code of kernels is written with: LLVM's types, addresses, loops, and what the processor has.

All addresses are int64. The *places* of a window are a table of int64: the distance, in bytes, of each of its
words from its first byte.
"""

from llvmlite import ir
from numba.core import cgutils, config
from numba.core.codegen import get_host_cpu_features

I8, I16, I32, I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
WORDS = ir.VectorType(I64, 8)
SUMS = ir.VectorType(I32, 16)
SHORTS = ir.VectorType(I16, 32)
LANES = 16  # results that lie side by side in the weights


def target_has(feature: str) -> bool:
    """Whether compiled code may use a feature of the processor, by LLVM's name, as "avx512vnni"."""
    features = config.CPU_FEATURES  # type: ignore[attr-defined]
    return f"+{feature}" in (get_host_cpu_features() if features is None else features).split(",")


def byte_products() -> bool:
    """Whether four products of bytes are one instruction, so that `sums` takes bytes."""
    return target_has("avx512vnni")


def short_lookups() -> bool:
    """Whether 32 numbers of 16 bits are looked up in a table of 32 by one instruction."""
    return target_has("avx512bw")


def pointer_to(builder, address, kind):
    return builder.inttoptr(address, kind.as_pointer())


def constant(value: int):
    return ir.Constant(I64, value)


def in_every_lane(builder, value, kind):
    """A number in every lane of a vector type."""
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(I32, 0))
    lanes = ir.Constant(ir.VectorType(I32, kind.count), [0] * kind.count)
    return builder.shuffle_vector(first, undefined, lanes)


def each_word(builder, first, weights, places, count, step: int, visit) -> None:
    """Call visit(address of a word of the window, address of its weights) for every word; its weights have
    `step` bytes.
    """
    with cgutils.for_range(builder, count) as word:
        entry = builder.add(places, builder.shl(word.index, constant(3)))
        address = builder.add(first, builder.load(pointer_to(builder, entry, I64)))
        visit(address, builder.add(weights, builder.mul(word.index, constant(step))))


def cleared_sums(builder, kind, rows: int, columns: int, value: int = 0) -> list[list]:
    """Sums of 0, or numbers of another value; they become registers."""
    zero = ir.Constant(kind, [value] * kind.count)
    sums = [[cgutils.alloca_once_value(builder, zero) for _ in range(columns)] for _ in range(rows)]
    for row in sums:
        for total in row:
            builder.store(zero, total)
    return sums


def each_case(builder, number, most: int, write) -> None:
    """write(k) for every k of 1 .. most, of which the code runs the one that `number` is."""
    after = builder.append_basic_block("after")
    chosen = builder.switch(number, after)
    for k in range(1, most + 1):
        with builder.goto_block(case := builder.append_basic_block(f"case{k}")):
            write(k)
            builder.branch(after)
        chosen.add_case(constant(k), case)
    builder.position_at_end(after)
