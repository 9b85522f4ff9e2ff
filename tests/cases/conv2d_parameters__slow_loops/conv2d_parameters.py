def conv2d_parameters(in_channels, out_channels, kernel_size):
    count = 0
    for _ in range(out_channels):
        for _ in range(in_channels):
            row = 0
            while row < kernel_size:
                count += kernel_size
                row += 1
        count += 1  # the bias
    return count
