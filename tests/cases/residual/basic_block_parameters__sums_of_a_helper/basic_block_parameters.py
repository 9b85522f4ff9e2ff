def conv_and_norm(inputs, outputs, side):
    return inputs * outputs * side ** 2 + 2 * outputs


def basic_block_parameters(in_channels, out_channels, stride=1):
    parts = [(in_channels, out_channels, 3), (out_channels, out_channels, 3)]
    if (in_channels, stride) != (out_channels, 1):
        parts.append((in_channels, out_channels, 1))
    return sum(conv_and_norm(*part) for part in parts)
