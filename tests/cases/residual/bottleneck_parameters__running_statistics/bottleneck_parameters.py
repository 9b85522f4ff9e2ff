def bottleneck_parameters(in_channels, width, stride=1):
    out = 4 * width
    convolutions = in_channels * width + 9 * width**2 + width * out
    norms = 4 * (2 * width + out)
    projection = (in_channels + 4) * out if stride != 1 or in_channels != out else 0
    return convolutions + norms + projection
