"""Brevitas's quantisers, as its users write them: scales that are constants, statistics of the weights or of
what passed by in training, or learned; one per tensor or per channel; floats or powers of two; 1 to 8 bits.
"""

import brevitas.quant as bq
from brevitas.core.restrict_val import RestrictValueType
from brevitas.inject.enum import ScalingImplType, StatsOp
from brevitas.quant.binary import SignedBinaryActPerTensorConst, SignedBinaryWeightPerTensorConst
from brevitas.quant.fixed_point import Int8WeightPerChannelFixedPoint
from brevitas.quant.shifted_scaled_int import ShiftedUint8ActPerTensorFloat, ShiftedUint8WeightPerTensorFloat
from brevitas.quant.ternary import SignedTernaryActPerTensorConst, SignedTernaryWeightPerTensorConst
from brevitas_examples.bnn_pynq.models.common import CommonActQuant, CommonWeightQuant


class BinaryOfMeans(SignedBinaryWeightPerTensorConst):
    """XNOR-Net: the scale is the mean magnitude of the weights."""

    scaling_impl_type = ScalingImplType.STATS
    scaling_stats_op = StatsOp.AVE
    scaling_const = None
    scaling_stats_permute_dims = None


class BinaryOfMeansPerChannel(BinaryOfMeans):
    """The same for each output."""

    scaling_per_output_channel = True


class BinaryLearned(BinaryOfMeans):
    """A learned scale that starts there."""

    scaling_impl_type = ScalingImplType.PARAMETER_FROM_STATS


class BinaryPowerOfTwo(BinaryOfMeans):
    """That mean rounded to a power of two."""

    restrict_scaling_type = RestrictValueType.POWER_OF_TWO


class TernaryOfMaxima(SignedTernaryWeightPerTensorConst):
    """-s, 0, +s; s is a share of the largest weight."""

    scaling_impl_type = ScalingImplType.STATS
    scaling_stats_op = StatsOp.MAX
    scaling_const = None


class TernaryOfMaximaPerChannel(TernaryOfMaxima):
    """The same for each output."""

    scaling_per_output_channel = True


# name -> (quantiser of weights, its bits; None: any of 2 to 8)
WEIGHTS = {
    "binary, scale 0.1": (SignedBinaryWeightPerTensorConst, 1),
    "binary, scale 1": (SignedBinaryWeightPerTensorConst.let(scaling_const=1.0), 1),
    "binary, mean": (BinaryOfMeans, 1),
    "binary, mean per channel": (BinaryOfMeansPerChannel, 1),
    "binary, learned": (BinaryLearned, 1),
    "binary, power of two": (BinaryPowerOfTwo, 1),
    "ternary, scale 0.1": (SignedTernaryWeightPerTensorConst, 2),
    "ternary, maximum": (TernaryOfMaxima, 2),
    "ternary, maximum per channel": (TernaryOfMaximaPerChannel, 2),
    "bnn_pynq": (CommonWeightQuant.let(bit_width=2), 2),
    "integers, float": (bq.Int8WeightPerTensorFloat, None),
    "integers, float per channel": (bq.Int8WeightPerChannelFloat, None),
    "integers, power of two": (bq.Int8WeightPerTensorFixedPoint, None),
    "integers, power of two per channel": (Int8WeightPerChannelFixedPoint, None),
    "integers, least squares": (bq.Int8WeightPerTensorFloatMSE, None),
    "integers, least squares per channel": (bq.Int8WeightPerChannelFloatMSE, None),
    "integers, decoupled": (bq.Int4WeightPerTensorFloatDecoupled, 4),
    "integers, weight norm": (bq.Int8WeightNormL2PerChannelFixedPoint, None),
    "integers, accumulator aware": (bq.Int8AccumulatorAwareWeightQuant, None),
    "integers, zero point": (ShiftedUint8WeightPerTensorFloat, None),
}

# name -> (quantiser of activations, its bits; None: any of 2 to 8, whether it gives negative numbers)
ACTIVATIONS = {
    "binary, scale 0.1": (SignedBinaryActPerTensorConst, 1, True),
    "binary, scale 1": (SignedBinaryActPerTensorConst.let(scaling_const=1.0), 1, True),
    "ternary": (SignedTernaryActPerTensorConst.let(scaling_const=0.7), 2, True),
    "bnn_pynq, 1 bit": (CommonActQuant.let(bit_width=1), 1, True),
    "bnn_pynq, 2 bits": (CommonActQuant.let(bit_width=2), 2, True),
    "signed, float": (bq.Int8ActPerTensorFloat, None, True),
    "signed, power of two": (bq.Int8ActPerTensorFixedPoint, None, True),
    "signed, least squares": (bq.Int8ActPerTensorFloatMSE, None, True),
    "unsigned, float": (bq.Uint8ActPerTensorFloat, None, False),
    "unsigned, power of two": (bq.Uint8ActPerTensorFixedPoint, None, False),
    "unsigned, least squares": (bq.Uint8ActPerTensorFloatMSE, None, False),
    "zero point": (ShiftedUint8ActPerTensorFloat, None, True),
}


def weight_quantiser(name: str, bits: int):
    """The quantiser of weights of that name with that many bits, where it leaves them open."""
    quantiser, own = WEIGHTS[name]
    return quantiser if own else quantiser.let(bit_width=bits)


def activation_quantiser(name: str, bits: int):
    """The quantiser of activations of that name with that many bits, where it leaves them open."""
    quantiser, own, _ = ACTIVATIONS[name]
    return quantiser if own else quantiser.let(bit_width=bits)
