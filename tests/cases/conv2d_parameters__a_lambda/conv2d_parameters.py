conv2d_parameters = lambda in_channels, out_channels, kernel_size: (
    (in_channels * kernel_size ** 2 + 1) * out_channels
)
