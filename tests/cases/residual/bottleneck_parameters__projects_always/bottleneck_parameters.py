def bottleneck_parameters(in_channels, width, stride=1):
    out = 4 * width
    convolutions = in_channels * width + 9 * width**2 + width * out
    norms = 2 * (2 * width + out)
    projection = (in_channels + 2) * out
    return convolutions + norms + projection
