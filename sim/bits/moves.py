"""Words and vectors that are moved, merged or compared, as LLVM vectors called from compiled kernels."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from xnorforge.sim.bits._llvm import (
    I8,
    I16,
    I32,
    I64,
    SUMS,
    WORDS,
    cleared_sums,
    constant,
    in_every_lane,
    pointer_to,
)


def word_access():
    """Three intrinsics: the uint64 at an address, a uint64 to an address, eight of them from an address to
    another. In loops of few steps numba's own indexing takes longer than the work.
    """

    @intrinsic
    def load(_context, address):  # noqa: ARG001
        def code(_context, builder, _signature, arguments):
            return builder.load(pointer_to(builder, arguments[0], I64), align=8)

        return types.uint64(types.int64), code

    @intrinsic
    def store(_context, address, word):  # noqa: ARG001
        def code(context, builder, _signature, arguments):
            builder.store(arguments[1], pointer_to(builder, arguments[0], I64), align=8)
            return context.get_dummy_value()

        return types.void(types.int64, types.uint64), code

    @intrinsic
    def copy(_context, source, target):  # noqa: ARG001
        def code(context, builder, _signature, arguments):
            source, target = (pointer_to(builder, address, WORDS) for address in arguments)
            builder.store(builder.load(source, align=8), target, align=8)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64), code

    return load, store, copy


def compare_sixteen():
    """An intrinsic: 16 bits, whether int32 (16,) at an address reach those at another, xor the 2 bytes at a
    third; written to a fourth.
    """

    @intrinsic
    def tile(_context, numbers, thresholds, falls, out):  # noqa: ARG001
        def code(context, builder, _signature, arguments):
            numbers, thresholds, falls, out = arguments
            x, least = (
                builder.load(pointer_to(builder, address, SUMS), align=4) for address in (numbers, thresholds)
            )
            mask = builder.bitcast(builder.icmp_signed(">=", x, least), I16)
            inverted = builder.load(pointer_to(builder, falls, I16), align=1)
            builder.store(builder.xor(mask, inverted), pointer_to(builder, out, I16), align=1)
            return context.get_dummy_value()

        return types.void(*([types.int64] * 4)), code

    return tile


def merge_eight():
    """An intrinsic: one word each of eight pixels that lie side by side, of what the bits of a pixel and of
    those to its right give one behind the other. Arguments, all int64: address of the first of the pixels,
    uint64; the bits of each, and how many pixels are taken together; which word of them; address of the first
    result, and how many bytes on the next is.
    """

    @intrinsic
    def tile(_context, pixels, bits, many, word, out, stride):  # noqa: ARG001
        def code(context, builder, _signature, arguments):
            pixels, bits, many, word, out, stride = arguments
            [[merged]] = cleared_sums(builder, WORDS, 1, 1)
            start = builder.mul(word, constant(64))
            with cgutils.for_range(builder, many) as turn:
                place = builder.add(pixels, builder.shl(turn.index, constant(3)))
                x = builder.load(pointer_to(builder, place, WORDS), align=8)
                up = builder.sub(builder.mul(turn.index, bits), start)
                for move, shift in ((builder.shl, up), (builder.lshr, builder.neg(up))):
                    moved = move(x, in_every_lane(builder, builder.and_(shift, constant(63)), WORDS))
                    inside = builder.icmp_unsigned("<", shift, constant(64))
                    moved = builder.select(inside, moved, ir.Constant(WORDS, [0] * 8))
                    builder.store(builder.or_(builder.load(merged), moved), merged)
            found = builder.load(merged)
            with builder.if_else(builder.icmp_signed("==", stride, constant(8))) as (beside, apart):
                with beside:
                    builder.store(found, pointer_to(builder, out, WORDS), align=8)
                with apart:
                    for k in range(8):
                        place = builder.add(out, builder.mul(stride, constant(k)))
                        element = builder.extract_element(found, ir.Constant(I32, k))
                        builder.store(element, pointer_to(builder, place, I64), align=8)
            return context.get_dummy_value()

        return types.void(*([types.int64] * 6)), code

    return tile


def interleave_three():
    """An intrinsic: 64 bytes of each of three planes to 192 bytes, a byte of each plane in turn. Arguments,
    all int64: address of the first plane, distance of one from the next, address of the result.
    """

    @intrinsic
    def tile(_context, planes, distance, out):  # noqa: ARG001
        def code(context, builder, _signature, arguments):
            planes, distance, out = arguments
            kind = ir.VectorType(I8, 64)
            a, b, c = (
                builder.load(
                    pointer_to(builder, builder.add(planes, builder.mul(distance, constant(k))), kind),
                    align=1,
                )
                for k in range(3)
            )
            for part in range(3):
                places = [divmod(k, 3) for k in range(64 * part, 64 * part + 64)]
                two = [pixel + 64 * (plane == 1) for pixel, plane in places]
                three = [64 + pixel if plane == 2 else k for k, (pixel, plane) in enumerate(places)]
                mixed = builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, 64), two))
                mixed = builder.shuffle_vector(mixed, c, ir.Constant(ir.VectorType(I32, 64), three))
                builder.store(
                    mixed, pointer_to(builder, builder.add(out, constant(64 * part)), kind), align=1
                )
            return context.get_dummy_value()

        return types.void(*([types.int64] * 3)), code

    return tile
