"""The words of the simulated shop, English and Chinese side by side: (en, zh) wherever a word is shown."""

from __future__ import annotations

from dataclasses import dataclass

Word = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of thing.

    Args:
        name: what it is called.
        price: money, of a middling one.
        cycle: days until a customer needs another; 0 where it lasts.
    """

    name: Word
    price: float
    cycle: int = 0


@dataclass(frozen=True, kw_only=True)
class Department:
    """A category of the shop.

    Args:
        name: the category.
        peak: day of the year of highest demand; 0 where there is no season.
        kinds: things sold; neighbours in twos (first with second, third with fourth ...) go together.
    """

    name: Word
    peak: int
    kinds: tuple[Kind, ...]


def _department(name: Word, peak: int, *kinds: tuple[str, str, float, int]) -> Department:
    return Department(
        name=name,
        peak=peak,
        kinds=tuple(Kind(name=(en, zh), price=price, cycle=cycle) for en, zh, price, cycle in kinds),
    )


DEPARTMENTS: tuple[Department, ...] = (
    _department(
        ("lights", "灯具"), 350,
        ("desk lamp", "台灯", 38, 0), ("light bulbs", "灯泡", 9, 131),
        ("string lights", "彩灯串", 16, 0), ("batteries", "电池", 7, 85),
        ("lantern", "提灯", 22, 0), ("candles", "蜡烛", 8, 46),
    ),
    _department(
        ("kitchen", "厨房用品"), 0,
        ("coffee maker", "咖啡机", 75, 0), ("coffee beans", "咖啡豆", 14, 27),
        ("teapot", "茶壶", 26, 0), ("green tea", "绿茶", 12, 42),
        ("frying pan", "煎锅", 34, 0), ("cooking oil", "食用油", 11, 58),
    ),
    _department(
        ("garden", "园艺"), 115,
        ("watering can", "洒水壶", 18, 0), ("potting soil", "营养土", 9, 71),
        ("planter", "花盆", 15, 0), ("flower seeds", "花种", 4, 99),
        ("bird feeder", "喂鸟器", 20, 0), ("bird food", "鸟食", 10, 35),
    ),
    _department(
        ("bath", "卫浴"), 0,
        ("bath towel", "浴巾", 17, 0), ("bath salts", "浴盐", 9, 46),
        ("soap dish", "皂盒", 8, 0), ("hand soap", "洗手液", 5, 42),
        ("electric toothbrush", "电动牙刷", 48, 0), ("toothpaste", "牙膏", 4, 51),
    ),
    _department(
        ("office", "办公文具"), 245,
        ("fountain pen", "钢笔", 25, 0), ("ink cartridges", "墨囊", 6, 58),
        ("notebook", "笔记本", 9, 0), ("pencils", "铅笔", 5, 115),
        ("label printer", "标签打印机", 62, 0), ("label rolls", "标签纸", 12, 71),
    ),
    _department(
        ("pets", "宠物用品"), 0,
        ("dog bed", "狗窝", 40, 0), ("dog food", "狗粮", 24, 33),
        ("cat tree", "猫爬架", 58, 0), ("cat food", "猫粮", 20, 29),
        ("fish tank", "鱼缸", 66, 0), ("fish flakes", "鱼食", 7, 71),
    ),
    _department(
        ("sports", "运动户外"), 15,
        ("yoga mat", "瑜伽垫", 24, 0), ("resistance bands", "弹力带", 13, 0),
        ("water bottle", "运动水壶", 15, 0), ("protein bars", "蛋白棒", 18, 25),
        ("running shoes", "跑步鞋", 72, 0), ("sports socks", "运动袜", 11, 0),
    ),
    _department(
        ("toys", "玩具"), 345,
        ("building blocks", "积木", 30, 0), ("toy cars", "玩具车", 12, 0),
        ("puzzle", "拼图", 16, 0), ("puzzle board", "拼图板", 21, 0),
        ("paint box", "颜料盒", 14, 0), ("drawing paper", "图画纸", 6, 58),
    ),
    _department(
        ("baby", "母婴"), 0,
        ("feeding bottle", "奶瓶", 13, 0), ("milk powder", "奶粉", 32, 21),
        ("pram", "婴儿车", 140, 0), ("rain cover", "雨罩", 22, 0),
        ("changing mat", "尿布垫", 19, 0), ("nappies", "纸尿裤", 21, 18),
    ),
    _department(
        ("beauty", "美妆个护"), 45,
        ("razor", "剃须刀", 29, 0), ("razor blades", "刀片", 12, 66),
        ("make-up bag", "化妆包", 18, 0), ("face cream", "面霜", 23, 77),
        ("hair dryer", "吹风机", 44, 0), ("shampoo", "洗发水", 8, 56),
    ),
    _department(
        ("electronics", "数码"), 325,
        ("headphones", "耳机", 69, 0), ("headphone case", "耳机包", 14, 0),
        ("camera", "相机", 260, 0), ("memory card", "存储卡", 19, 0),
        ("phone case", "手机壳", 12, 0), ("screen protector", "屏幕膜", 8, 0),
    ),
    _department(
        ("home textiles", "家纺"), 300,
        ("pillow", "枕头", 21, 0), ("pillowcase", "枕套", 10, 0),
        ("duvet", "羽绒被", 80, 0), ("duvet cover", "被套", 36, 0),
        ("curtains", "窗帘", 42, 0), ("curtain rod", "窗帘杆", 25, 0),
    ),
)  # fmt: skip

BRANDS: tuple[Word, ...] = (
    ("Alderby", "赤松"), ("Brightmoor", "明野"), ("Calloway", "云溪"), ("Dunmere", "东篱"), ("Elmcroft", "榆舍"),
    ("Fernley", "蕨园"), ("Greyhaven", "灰湾"), ("Hartwick", "鹿鸣"), ("Ivoryline", "象白"),
    ("Juniper & Co", "柏川"), ("Kestrel", "红隼"), ("Larkfield", "云雀"), ("Moonrill", "月涧"),
    ("Northbay", "北港"), ("Oakhurst", "橡林"), ("Pinecrest", "松岭"), ("Quillon", "青羽"), ("Rowanby", "花楸"),
    ("Silverbeck", "银滩"), ("Thistledown", "蓟语"), ("Umberland", "赭石"), ("Valebrook", "谷泉"),
    ("Willowmere", "柳湖"), ("Yarrow", "蓍草"),
)  # fmt: skip

LOOKS: tuple[Word, ...] = (
    ("black", "黑色"), ("white", "白色"), ("red", "红色"), ("navy", "藏青"), ("forest green", "墨绿"),
    ("sand", "沙色"), ("striped", "条纹"), ("matt", "哑光"), ("vintage", "复古"), ("classic", "经典"),
    ("slim", "纤薄"), ("large", "大号"), ("small", "小号"), ("soft", "柔软"), ("natural", "天然"),
    ("light", "轻便"), ("sturdy", "耐用"), ("travel", "旅行"),
)  # fmt: skip

PRAISE: tuple[Word, ...] = (
    ("easy to clean", "易于清洁"), ("made to last", "经久耐用"), ("a good gift", "送礼佳品"),
    ("for every day", "日常适用"), ("with two years' guarantee", "质保两年"),
    ("from recycled material", "环保再生材料"), ("packed without plastic", "无塑包装"),
    ("designed for small homes", "适合小户型"), ("tested by families", "家庭实测"),
    ("our bestseller since spring", "春季热销"),
)  # fmt: skip

REVIEWS: tuple[tuple[Word, ...], ...] = (
    (("Broke after a week.", "用了一周就坏了。"), ("Not as described, sent it back.", "与描述不符，已退货。")),
    (("Disappointing for the price.", "这个价格有点失望。"), ("Smaller than it looks.", "比图片上小。")),
    (("Does its job.", "还可以，能用。"), ("Fine, nothing special.", "一般般，没什么特别。")),
    (("Good quality, quick delivery.", "质量不错，发货很快。"), ("Happy with it.", "挺满意的。")),
    (("Excellent, would buy again.", "非常好，会回购。"), ("Exactly what I wanted!", "正是我想要的！")),
)  # fmt: skip
"""By stars, one to five."""

PLACES: tuple[tuple[Word, float], ...] = (
    (("London", "上海"), 0.30), (("Manchester", "北京"), 0.20), (("Leeds", "广州"), 0.15), (("Bristol", "成都"), 0.13),
    (("Glasgow", "杭州"), 0.12), (("Cardiff", "武汉"), 0.10),
)  # fmt: skip
