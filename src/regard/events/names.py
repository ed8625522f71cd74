"""What people call things: column names and behaviour words of common exports, English and Chinese.

A field's names stand in tiers: a name of an earlier tier beats one of a later, two columns of one tier are ambiguous.
"""

from __future__ import annotations

import unicodedata


def plain(name: str) -> str:
    """A name without case, width, blanks and punctuation, so that 'Customer ID' and 'customer_id' are one.

    >>> plain("Customer ID"), plain("用户 ＩＤ"), plain("customer_id")
    ('customerid', '用户id', 'customerid')
    """
    return "".join(c for c in unicodedata.normalize("NFKC", name).casefold() if c.isalnum())


def _tiers(*tiers: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(plain(name) for name in tier.split()) for tier in tiers)


COLUMNS: dict[str, tuple[frozenset[str], ...]] = {
    "customer": _tiers(
        "customer customer_id customer_unique_id "
        "customer_no customer_number customer_key customer_code user user_id userid uid "
        "member_id member client_id client shopper_id buyer_id buyer visitor_id visitor household_id household "
        "household_key reviewer_id account_id person_id customer_user_id cust_id consumer_id 用户 用户id "
        "用户编号 用户号 客户 客户id 客户编号 客户号 顾客 顾客id 顾客编号 会员 会员id 会员号 会员编号 会员卡号 "
        "买家 买家id 买家会员名 用户标识 消费者id",
        "anonymous_id user_pseudo_id device_id cookie_id fullVisitorId distinct_id 匿名id 设备id",
        "email customer_email billing_email e-mail 邮箱 phone 手机 手机号 手机号码 会员手机号",
        "session_id session visit_id 会话 会话id",
    ),
    "behaviour": _tiers(
        "behaviour behavior behavior_type behaviour_type event event_type event_name action action_type "
        "activity activity_type interaction interaction_type 行为 行为类型 用户行为 事件 事件类型 事件名 "
        "事件名称 动作 操作 操作类型",
        "type",
        "order_status financial_status 订单状态 交易状态",
    ),
    "item": _tiers(
        "item item_id itemid product product_id productid sku sku_id stock_code stockcode article_id article "
        "asin goods_id goods product_code item_code item_no product_sku lineitem_sku movie movie_id track_id "
        "song_id book_id isbn game_id course_id video_id content_id 商品 商品id 商品编号 商品编码 商品代码 "
        "货号 产品 产品id 产品编号 产品编码 宝贝id 物品 物品id 货品编号 sku编码 sku编号 电影id",
        "variant_id parent_asin spu spu_id",
        "lineitem_name",
    ),
    "time": _tiers(
        "event_timestamp unix_review_time event_time 事件时间 行为时间",
        "timestamp time datetime date_time time_stamp invoice_date transaction_timestamp transaction_time "
        "transaction_date purchase_date purchase_time order_purchase_timestamp "
        "order_date order_time ordered_at order_created_at "
        "event_date_time created_at create_time occurred_at ts t_dat action_time behavior_time review_time "
        "rating_time rated_at visit_time 时间 时间戳 下单时间 下单日期 订单时间 订单日期 交易时间 交易日期 "
        "购买时间 购买日期 发生时间 创建时间 订单创建时间 日期时间 销售日期 销售时间 消费时间",
        "date day event_date 日期",
        "paid_at payment_time 付款时间 支付时间 originalTimestamp",
        "sent_at received_at",
    ),
    "position": _tiers(
        "pos position seq sequence_number event_index step",
    ),
    "event_id": _tiers(
        "event_id message_id insert_id event_uuid 事件id 消息id",
    ),
    "order": _tiers(
        "order_id order_no order_number order invoice invoice_no invoice_id invoice_number basket_id "
        "transaction_id receipt_id receipt_no ticket_id order_key 订单 订单号 订单编号 订单id 发票号 小票号 "
        "单号 交易号 交易编号 流水号",
    ),
    "quantity": _tiers(
        "quantity qty units item_quantity lineitem_quantity order_quantity 数量 件数 购买数量 销售数量 商品数量 销量",
        "count amount_of_items number_of_items number_of_units number_of_cds",
    ),
    "price": _tiers(
        "price unit_price item_price lineitem_price item_cost sale_price selling_price 单价 价格 商品单价 售价 "
        "商品价格 成交价",
    ),
    "value": _tiers(
        "value line_total sales_value dollar_value event_value item_revenue line_value item_total 金额 "
        "商品金额 小计 销售额 销售金额 成交金额",
        "amount revenue total sales total_amount total_price order_total payment 总额 总金额 总价 订单金额 "
        "实付金额 实付款 支付金额",
    ),
    "session": _tiers(
        "session session_id user_session visit_id ga_session_id session_key 会话 会话id",
    ),
    "query": _tiers(
        "query search_term search_query search_terms keyword keywords search_keyword 搜索词 关键词 查询词 搜索",
    ),
    "dwell": _tiers(
        "dwell dwell_time dwell_seconds duration duration_seconds seconds_spent 停留时间 停留时长 停留秒数",
    ),
    "channel": _tiers(
        "channel sales_channel sales_channel_id medium context.channel traffic_source.medium 渠道 来源渠道",
    ),
    "device": _tiers(
        "device device_type device_category device.category context.device.type platform 设备 设备类型 终端",
    ),
    "place": _tiers(
        "country geo.country country_code city store store_id shop_id location region state 国家 城市 省份 "
        "地区 门店 店铺",
        "user_geohash shipping_country billing_country",
    ),
    "campaign": _tiers(
        "campaign campaign_id campaign_name context.campaign.name utm_campaign traffic_source.name 活动 营销活动",
    ),
    "rating": _tiers(
        "rating rate stars score overall star_rating review_rating 评分 星级 打分",
    ),
    "text": _tiers(
        "review_text review review_body comment text reviewtext 评论 评价 评论内容 评价内容",
    ),
    "item_name": _tiers(
        "item_name product_name product_title item_title description item_description product_description "
        "stock_description title goods_name lineitem_name 商品名 商品名称 商品标题 产品名称 品名 宝贝标题 "
        "物品名称 货品名称",
    ),
    "category": _tiers(
        "category_code category_name category product_category item_category main_category 类目 品类 类别 分类 "
        "商品类目 商品类别 商品分类 类目名称",
        "category_id item_category_id 类目id 商品类目id 分类id",
    ),
    "brand": _tiers(
        "brand brand_name item_brand product_brand manufacturer maker vendor lineitem_vendor 品牌 品牌名称 厂商",
    ),
}

CORE: frozenset[str] = frozenset({"customer", "behaviour", "item", "time", "order"})
"""Fields for which two equally good columns are a question to the user; elsewhere the first one is taken."""

ITEM_BOXES: frozenset[str] = frozenset(
    {"properties", "items", "products", "lineitems", "ecommerce", "eventparams", "data", "payload"}
)
"""Containers of nested records in which a plain word such as 'name' or 'price' speaks of the item or the act."""

TABLE_COLUMNS: dict[str, tuple[frozenset[str], ...]] = {
    **{field: COLUMNS[field] for field in ("item", "customer", "price", "category", "brand")},
    "item_name": _tiers(
        "item_name product_name title name product_title item_title description item_description "
        "product_description 商品名 商品名称 商品标题 标题 名称 产品名称 品名",
    ),
    "consent": _tiers(
        "consent",
        "consented consents has_consent consent_given consent_status gave_consent data_consent privacy_consent "
        "gdpr_consent pipl_consent profiling_consent processing_consent personalisation_consent "
        "personalization_consent opt_in opted_in 同意 是否同意 已同意 授权 是否授权 已授权 用户授权 同意授权 隐私授权 "
        "数据授权 授权状态 同意状态 隐私同意 是否同意隐私政策 同意处理个人信息 个人信息授权 个性化授权",
    ),
    "other": _tiers(
        "other other_customer other_customer_id other_user other_user_id friend friend_id neighbour neighbor "
        "neighbour_id neighbor_id related_customer related_customer_id related_to linked_customer linked_to partner "
        "partner_id referred referred_customer 另一顾客 对方 对方id 关联顾客 关联用户 关联客户 关联会员 好友 好友id 目标用户",
        "customer_2 customer_b customer_id_2 customer_id_b customer2_id user_2 user_b user_id_2 user_id_b user2_id "
        "target target_id target_customer target_user dst destination to 顾客2 顾客b 用户2 用户b 客户2 客户b",
        "customer_1 customer_id_1 user_1 user_id_1",
    ),
    "kind": _tiers(
        "kind relation relationship relation_type relationship_type edge_type link_type 关系 关系类型", "type 类型"
    ),
    "weight": _tiers("weight strength edge_weight link_weight 权重 强度 亲密度", "score count 分数 次数"),
}

_FIRST_END = (
    "customer_1 customer_a customer_id_1 customer_id_a customer1_id user_1 user_a user_id_1 user_id_a user1_id source "
    "source_id source_customer source_user src from 顾客1 顾客a 用户1 用户a 客户1 客户a 源用户"
)

FIRST_END: frozenset[str] = frozenset(plain(name) for name in _FIRST_END.split())
"""Names of the first of the two customers of an edge, where none is plainly the customer."""

_CONSENT_WORDS: dict[bool, str] = {
    True: (
        "true t yes y 1 1.0 on ok agree agreed accept accepted allow allowed consent consented given granted opt-in "
        "opted-in opted_in 是 有 真 同意 已同意 授权 已授权 允许 已允许 接受 已接受"
    ),
    False: (
        "false f no n 0 0.0 off disagree disagreed decline declined deny denied refuse refused reject rejected revoked "
        "withdrawn opt-out opted-out opted_out 否 无 假 不 不同意 未同意 未授权 不授权 不允许 拒绝 已拒绝 撤回 已撤回 撤销 "
        "已撤销 取消 已取消 取消授权 已取消授权"
    ),
}

CONSENT_WORDS: dict[bool, frozenset[str]] = {said: frozenset(words.split()) for said, words in _CONSENT_WORDS.items()}
"""What a consent says in lower case: True for yes, False for no."""

MISSING: tuple[str, ...] = ("", "NULL", "null", "None", "NaN", "nan", "N/A", "n/a", "<NA>", "\\N", "nil")
"""Spellings of 'nothing here' in a text cell."""

_BEHAVIOUR_WORDS: dict[str, str] = {
    "view_item_list": "view_item_list product_list_viewed category_view view_category list_view 浏览列表",
    "select_item": "select_item product_clicked item_click click_item clicked click 点击 点击商品",
    "view_item": (
        "view_item view viewed pv product_viewed product_view item_view detail_view view_product detail 浏览 "
        "查看 浏览商品 查看商品 商品浏览 商品详情 点击浏览"
    ),
    "add_to_wishlist": "add_to_wishlist wishlist product_added_to_wishlist add_wishlist 加入心愿单 心愿单",
    "add_to_cart": (
        "add_to_cart addtocart cart add_cart cart_add product_added added_to_cart basket add_to_basket "
        "add_to_bag 加购 加购物车 加入购物车 加车 购物车"
    ),
    "remove_from_cart": (
        "remove_from_cart product_removed cart_remove removefromcart removed_from_cart 移出购物车 删除购物车 移除购物车"
    ),
    "view_cart": "view_cart cart_viewed 查看购物车",
    "begin_checkout": "begin_checkout checkout_started checkout initiate_checkout start_checkout 结算 去结算 failed",
    "add_shipping_info": "add_shipping_info checkout_step_completed",
    "add_payment_info": "add_payment_info payment_info_entered",
    "purchase": (
        "purchase purchased buy bought transaction order ordered order_completed order_placed sale "
        "ecommerce_purchase paid complete completed processing fulfilled shipped delivered partially_refunded "
        "partially_paid pending authorized on_hold 购买 下单 成交 支付 付款 买 已付款 已完成 交易成功 已发货 "
        "已支付 已签收 订单完成 待发货"
    ),
    "refund": (
        "refund refunded return returned order_refunded order_cancelled cancelled canceled cancel voided "
        "cancellation 退款 退货 已退款 已退货 取消 已取消 交易关闭 退款成功 撤单"
    ),
    "view_promotion": "view_promotion promotion_viewed",
    "select_promotion": "select_promotion promotion_clicked",
    "impression": "impression exposure shown expose 曝光 展示",
    "favourite": "favourite favorite fav favor collect bookmark save 收藏 喜欢",
    "search": "search searched products_searched view_search_results site_search 搜索 查询",
    "review": "review reviewed product_reviewed 评论 评价",
    "rating": "rating rate rated 评分 打分",
    "message_sent": "message_sent email_sent email_delivered sms_sent",
    "message_open": "message_open email_opened message_opened",
    "message_click": "message_click email_link_clicked message_clicked",
    "play": "play played listen watch watched stream 播放 观看 收听",
    "like": "like liked thumbs_up 点赞",
    "share": "share shared product_shared cart_shared 分享 转发",
    "follow": "follow followed 关注",
    "page_view": "page_view page pageview page_viewed screen screen_view 页面浏览 访问",
    "session_start": "session_start session_started 启动",
    "sign_up": "sign_up signed_up signup register registered 注册",
    "login": "login signed_in log_in sign_in 登录 登陆",
}

BEHAVIOUR_WORDS: dict[str, str] = {
    plain(word): behaviour for behaviour, words in _BEHAVIOUR_WORDS.items() for word in words.split()
}
"""Plain word -> behaviour."""


def behaviour_of(word: str, own: dict[str, str] | None = None) -> str | None:
    """The behaviour a word stands for, or None when it is nobody's but the shop's.

    >>> behaviour_of("Product Viewed"), behaviour_of("加购"), behaviour_of("spin_wheel")
    ('view_item', 'add_to_cart', None)
    """
    key = plain(word)
    for theirs, behaviour in (own or {}).items():
        if plain(theirs) == key:
            return behaviour
    return BEHAVIOUR_WORDS.get(key)


def id_of(name: object) -> str:
    """An id as the store keeps it.

    >>> id_of(17850.0), id_of(" C1 ")
    ('17850', 'C1')
    """
    return str(int(name) if isinstance(name, float) and name.is_integer() else name).strip()
