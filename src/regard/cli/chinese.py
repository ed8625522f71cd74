"""What a terminal says, in Chinese. Errors and help are English, and so is what is typed: fields, behaviours, options.

CHINESE is what the verbs say: English phrase -> Chinese, {names} filled in; English plurals stand as 'one|many'. TOLD
is what the rooms below say. What the report page says as well is in its catalogue, `regard/report/phrases.toml`.
"""

from __future__ import annotations

CHINESE = {
    # shared
    "item": "商品",
    "name": "名称",
    "customer": "顾客",
    "customers": "顾客数",
    "rows": "行数",
    "share": "占比",
    "from": "来源",
    "next: {command}": "下一步：{command}",
    "wrote {path}": "已写入 {path}",
    # progress
    "{what} ...": "{what} …",
    "{what}: done in {time}": "{what}：完成，用时 {time}",
    ", {note}": "，{note}",
    "{s} s": "{s} 秒",
    "{m} min {s} s": "{m} 分 {s} 秒",
    "{h} h {m} min": "{h} 小时 {m} 分",
    # init, ingest, history, undo, doctor
    "made {folder} (times in {zone}); next: {command}": "已创建 {folder}（时区 {zone}）；下一步：{command}",
    "is read as": "的读取方式",
    "field": "字段",
    "column": "列",
    "how": "读取方式",
    "dry run, nothing written": "试运行，未写入",
    "nothing written": "未写入",
    "ingest {number}": "第 {number} 次导入",
    "read": "读取",
    "accepted": "接受",
    "{n} item|{n} items": "{n} 件商品",
    "in several files, counted once": "多个文件共有，只计一次",
    "already in the store, counted once": "库中已有，只计一次",
    "rejected: {reason}": "未接受：{reason}",
    "  (rows rejected as unreadable or incomplete are not compared)": "  （无法读取或缺字段而未接受的行不参与比较）",
    "{n} refund, {matched} matched to a purchase|{n} refunds, {matched} matched to a purchase": (
        "{n} 条退款，其中 {matched} 条找到了对应的购买"
    ),
    "{n} row is postage or the like, never recommended: {named}|{n} rows are postage and the like, never recommended: {named}": (
        "{n} 行为邮费等非商品，从不推荐：{named}"
    ),
    "{n} bot-like customer, left out of training|{n} bot-like customers, left out of training": (
        "{n} 位疑似机器人的顾客，不参与训练"
    ),
    "{n} row lies in the future|{n} rows lie in the future": "{n} 行的时间在未来",
    "{doctor} shows more; {undo} takes it back": "{doctor} 查看详情；{undo} 撤销",
    "nothing ingested yet; next: {command}": "尚未导入；下一步：{command}",
    "ingest": "导入",
    "at (UTC)": "时间（UTC）",
    "files": "文件",
    "items table": "商品表",
    "customers table": "顾客表",
    "undone": "已撤销",
    "ingest {number} is taken back": "第 {number} 次导入已撤销",
    "{n} row rejected|{n} rows rejected": "{n} 行未接受",
    "Nothing is odd.": "没有异常。",
    "{count} of {of}": "{of}中的 {count}",
    "never recommended; regard.toml has the last word": "从不推荐；可在 regard.toml 中修改",
    "why": "原因",
    # train, evaluate
    "trained in {time}, in {folder}": "用时 {time}，位于 {folder}",
    "{split}{cut}, mask {mask}, hash {hash}": "{split}{cut}，屏蔽 {mask}，哈希 {hash}",
    ", cut {day}": "，截止 {day}",
    "too few": "太少",
    "Where it does worst": "最薄弱之处",
    "group": "分组",
    "against best": "与最佳基线之差",
    "Histories that are a little wrong": "历史有些差错时",
    "damage": "受损方式",
    "change": "变化",
    "Chances to buy": "购买概率",
    "within": "期限",
    "{days} d": "{days} 天",
    "simplest": "最简单方法",
    "log loss of the model beside the better of base rate and recency": "模型的对数损失，与全体平均、距上次购买天数中较好者对照",
    "what an item's score loses while five events are deleted": "删除五个事件期间商品得分的平均下降",
    "deleted first": "先删除",
    "loss": "下降",
    # recommend, similar, intent, explain
    "{customers}, {rows} in {path}": "{customers}，{rows}，写入 {path}",
    "anonymous": "匿名访客",
    "from {source}": "来自{source}",
    "the events given, {source}": "给出的事件，{source}",
    "own items stay in": "保留自己的商品",
    "already wanted left out": "不含已选过的商品",
    "seen items left out": "不含已接触的商品",
    "base rate": "全体平均",
    "counting": "计数",
    "history": "给出的事件",
    "similar": "相似商品",
    "interests": "声明的兴趣",
    "recent popularity": "近期热门",
    "popularity": "热门商品",
    "new": "新品",
    "chance": "可能性",
    "score": "得分",
    "because of": "依据",
    "buyers": "共同顾客",
    "content": "内容",
    "Growing in the last day|Growing in the last {n} days": "最近 {n} 天增长的商品",
    "beyond luck and beyond the shop's own growth": "超出偶然和全店增长",
    "Nothing grows for sure.": "没有确定增长的商品。",
    "growth": "增长",
    "at least": "至少",
    "{times} x": "{times} 倍",
    "New in the last day|New in the last {n} days": "最近 {n} 天的新品",
    "Nothing is new.": "没有新品。",
    "since": "始于",
    "not yet": "尚未",
    "Chance to buy within": "在期限内购买的可能性",
    "place {rank}": "第 {rank} 名",
    "no candidate": "不在候选之列",
    "effect": "影响",
    "event": "事件",
    "effect: what the item's score loses when these events are deleted": "影响：删除这些事件后商品得分的下降",
    "effect: what the item's score loses when these events are deleted (log-odds)": "影响：删除这些事件后商品得分（对数几率）的下降",
    # report, demo
    "The report page": "报告页面",
    "opens offline": "可离线打开",
    "What to try next": "接下来可以试试",
}
"""What the verbs say."""

TOLD = {
    # what became of an ingest
    "nothing new: the store has all of these rows already": "没有新内容：这些行库中都已有",
    "{} of {} row(s) accepted": "{1} 行中接受了 {0} 行",
    "items table: {} row(s) taken in": "商品表：已导入 {} 行",
    "items table: {} row(s) would be taken in": "商品表：将导入 {} 行",
    "items table: nothing new, its row is known": "商品表：没有新内容，1 行已知",
    "items table: nothing new, all {} rows are known": "商品表：没有新内容，{} 行均已知",
    "customers table: {} row(s) taken in": "顾客表：已导入 {} 行",
    "customers table: {} row(s) would be taken in": "顾客表：将导入 {} 行",
    "customers table: nothing new, its row is known": "顾客表：没有新内容，1 行已知",
    "customers table: nothing new, all {} rows are known": "顾客表：没有新内容，{} 行均已知",
    # how columns are read
    "seconds since 1970": "自 1970 年起的秒数",
    "milliseconds since 1970": "自 1970 年起的毫秒数",
    "microseconds since 1970": "自 1970 年起的微秒数",
    "nanoseconds since 1970": "自 1970 年起的纳秒数",
    "seconds or finer since 1970": "自 1970 年起的秒数或更细的单位",
    "times": "时间",
    "dates": "日期",
    "day first": "日在前",
    "month first": "月在前",
    "read in {} where no zone is given": "未注明时区的按 {} 读取",
    "every row is '{}'": "每行都是“{}”",
    "order ids with C are refunds": "带 C 的订单号为退款",
    "negative quantities are refunds": "数量为负的是退款",
    "order ids with C and negative quantities are refunds": "带 C 的订单号和负数量为退款",
    "the order of the rows": "行的先后次序",
    "none found: events are a set, without order": "没有找到：事件是一个集合，没有先后",
    "kept as they are": "原样保留",
    "decimal comma": "小数点为逗号",
    "carried down within the order": "空缺时沿用同一订单的值",
    "order of events, no clock": "事件的次序，没有时间",
    # what a person should know of a file or a table
    "no customer id: each {} is taken as a customer": "没有顾客编号：每个 {} 当作一位顾客",
    "Shopify orders: one line per item, what stands on an order's first line counts for all of them": (
        "Shopify 订单：每件商品一行，订单首行的内容适用于各行"
    ),
    "Segment records: identified users by userId, others by anonymousId": (
        "Segment 记录：已识别用户按 userId，其他按 anonymousId"
    ),
    "GA4 export: signed-in users by user_id, others by user_pseudo_id": (
        "GA4 导出：登录用户按 user_id，其他按 user_pseudo_id"
    ),
    "Tianchi's codes: 1 view, 2 favourite, 3 cart, 4 purchase": "天池的编码：1 浏览，2 收藏，3 加购，4 购买",
    "no header: user, item, category, behaviour, seconds, as in Taobao's UserBehavior": (
        "没有表头：用户、商品、类目、行为、秒，同淘宝 UserBehavior"
    ),
    "no header: user, item, rating, seconds, as in MovieLens and Amazon's ratings": (
        "没有表头：用户、商品、评分、秒，同 MovieLens 和亚马逊评分"
    ),
    "behaviours kept as the shop calls them: {}": "行为沿用本店的叫法：{}",
    "items: {} row(s) without an id, left out": "商品表：{} 行没有编号，未采用",
    "customers: {} row(s) without an id, left out": "顾客表：{} 行没有编号，未采用",
    "items: {} row(s) whose id comes again later; the last one counts": "商品表：{} 行的编号后面再次出现，以最后一行为准",
    "customers: {} row(s) whose id comes again later; the last one counts": (
        "顾客表：{} 行的编号后面再次出现，以最后一行为准"
    ),
    "{}: {} acts on an active day": "{}：活跃日平均 {} 次行为",
    # progress
    "reading {}": "读取 {}",
    "checking rows": "检查各行",
    "writing": "写入",
    "simulating": "模拟",
    "counting": "统计",
    "timing a step": "测量每步用时",
    "finding out how long to train": "确定训练步数",
    "training": "训练",
    "writing the model": "写入模型",
    "baselines": "基线",
    "evaluate": "评估",
    "looking closer": "深入分析",
    "damaged histories": "受损的历史",
    "chances to buy": "购买概率",
    "reasons": "理由",
    "recommending": "推荐",
    "report": "生成报告",
    "{} step(s), best after {}": "{} 步，最佳在第 {} 步",
    "{} step(s), NDCG@10 {} on the last slice": "{} 步，最后一段的 NDCG@10 为 {}",
    "{} step(s)": "{} 步",
    "{} event(s)/s": "每秒 {} 个事件",
    "{} event(s)": "{} 个事件",
    "{} row(s)": "{} 行",
}
"""What the rooms below say in English, in Chinese; {} is a name or a number, (s) a plural."""
