def basic_block_parameters(in_channels, out_channels, stride=1):
    count = 9 * in_channels * out_channels + 2 * out_channels
    count += 9 * out_channels * out_channels + 2 * out_channels
    return count
