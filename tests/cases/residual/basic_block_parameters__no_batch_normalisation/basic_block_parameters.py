def basic_block_parameters(in_channels, out_channels, stride=1):
    count = 9 * in_channels * out_channels
    count += 9 * out_channels * out_channels
    if stride != 1 or in_channels != out_channels:
        count += in_channels * out_channels
    return count
