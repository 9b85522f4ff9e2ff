from torch import nn


def swap_head(net, num_classes=10):
    # 把最后一层换成新的线性层 🔧
    # الطبقة الأخيرة فقط، وكل ما قبلها يبقى كما هو
    letzte_größe = net.classifier[6].in_features  # größe = 4096
    新的头 = nn.Linear(letzte_größe, num_classes)
    net.classifier[6] = 新的头
    return net  # ✅ готово
