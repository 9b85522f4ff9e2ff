import torch
import torch.nn.functional as F


def train_epoch(net, loader, criterion, optimizer, device):
    """Одна эпоха обучения 🏋️"""
    net.train()
    总损失, 图片数 = 0.0, 0
    for изображения, метки in loader:
        изображения, метки = изображения.to(device), метки.to(device)
        optimizer.zero_grad()  # نصفّر التدرجات أولاً
        λογ_π = F.log_softmax(net(изображения), dim=1)  # वर्गों पर
        损失 = criterion(λογ_π, метки)
        损失.backward()
        optimizer.step()
        总损失 += 损失.item() * len(метки)
        图片数 += len(метки)
    print(f"平均损失 📉 {总损失 / 图片数:.3f}")
    return 总损失 / 图片数
