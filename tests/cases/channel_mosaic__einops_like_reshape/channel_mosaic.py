import torch


def channel_mosaic(weight, kernel=0, columns=8):
    tiles = weight[kernel].clone()  # (c, k, k)
    tiles = tiles - tiles.min()
    tiles = tiles / tiles.max().clamp(min=torch.finfo(tiles.dtype).tiny)
    missing = -len(tiles) % columns
    tiles = torch.cat([tiles, tiles.new_zeros(missing, *tiles.shape[1:])])
    # "(r s) y x -> (r y) (s x)"
    return tiles.unflatten(0, (-1, columns)).permute(0, 2, 1, 3).flatten(2).flatten(0, 1).numpy()
