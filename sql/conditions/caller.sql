-- Who made a call: the account, else the visitor.
if(user_id = '', visitor, cityHash64(user_id))
