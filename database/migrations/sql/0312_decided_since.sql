-- Tables that came since the others were decided: what becomes of them at an erasure.
INSERT INTO erasure_rule (relation, act, years, sets, law_zh, law_en, confirm)
SELECT * FROM (VALUES
    ('grant_pause', 'keep', 30, NULL, '会计档案管理办法附表一：补贴发放的依据三十年；只有编号',
     '会计档案管理办法 (2015), table 1: the ground of a payment, thirty years; by number alone', true),
    ('grant_correction', 'anonymise', 30, 'note = ''已删除''', '会计档案管理办法附表一：原始凭证三十年；文字删除',
     '会计档案管理办法 (2015), table 1: vouchers for thirty years; words go', true),
    ('home_bed_service', 'anonymise', 5, 'why_not = ''''', '参照养老机构管理办法第二十七条：协议期满后五年；文字删除',
     'by analogy with 养老机构管理办法 (2020), article 27: five years after the agreement; words go', true),
    ('home_bed_reminder', 'erase', NULL, NULL, '个人信息保护法第四十七条', 'PIPL article 47', false),
    ('time_wish', 'anonymise', NULL, 'words = ''''', '志愿服务条例第十九条：志愿服务记录；文字删除',
     '志愿服务条例 (2017), article 19: records of volunteering; words go', true),
    ('meal_press', 'erase', NULL, NULL, '个人信息保护法第四十七条', 'PIPL article 47', false),
    ('shut_door', 'anonymise', 3, 'note = ''''', '民法典第一百八十八条，诉讼时效三年；文字删除',
     'Civil Code article 188, limitation of three years; words go', true)
) listed (relation, act, years, sets, law_zh, law_en, confirm)
ON CONFLICT (relation) DO NOTHING;
