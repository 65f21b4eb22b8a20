-- What holds for every object of promo, now and later.

-- The objects that belong to the extension
CREATE TEMP VIEW member AS
SELECT d.classid, d.objid, pg_catalog.pg_describe_object(d.classid, d.objid, 0) AS object
FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
WHERE d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'promo';

SELECT count(*) > 10 AS there_are_objects FROM member;

-- Every object has a COMMENT
SELECT object AS without_comment
FROM member
WHERE obj_description(objid, (SELECT relname FROM pg_class WHERE oid = classid)) IS NULL
	AND NOT (classid = 'pg_class'::regclass
			 AND (SELECT relkind FROM pg_class WHERE oid = objid) IN ('S', 'i'))
ORDER BY 1;

-- Every function that reads nothing but its arguments may run in a parallel
-- worker
SELECT object AS immutable_but_not_parallel_safe
FROM member JOIN pg_proc p ON classid = 'pg_proc'::regclass AND p.oid = objid
WHERE p.provolatile = 'i' AND p.proparallel <> 's'
ORDER BY 1;

-- Nothing that may write is callable by everybody
SELECT object AS volatile_but_public
FROM member JOIN pg_proc p ON classid = 'pg_proc'::regclass AND p.oid = objid
WHERE p.provolatile = 'v' AND has_function_privilege('public', p.oid, 'EXECUTE')
ORDER BY 1;

-- No table or sequence is open to everybody
SELECT object AS public_relation
FROM member JOIN pg_class c ON classid = 'pg_class'::regclass AND c.oid = objid
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S')
	AND CASE WHEN c.relkind = 'S' THEN has_sequence_privilege('public', c.oid, 'USAGE, SELECT, UPDATE')
		ELSE has_table_privilege('public', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE') END
ORDER BY 1;

-- What runs with its owner's rights has a search_path that nobody can change
SELECT object AS definer_without_path
FROM member JOIN pg_proc p ON classid = 'pg_proc'::regclass AND p.oid = objid
WHERE p.prosecdef
	AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false)
ORDER BY 1;

-- Every table is dumped with the user's rows, its sequences too
SELECT object AS not_dumped
FROM member JOIN pg_class c ON classid = 'pg_class'::regclass AND c.oid = objid
WHERE c.relkind IN ('r', 'p', 'S')
	AND NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'promo' AND c.oid = ANY (e.extconfig))
ORDER BY 1;

-- A table with rows on customers is shown and forgotten by its room's two
-- functions, which name it
SELECT c.relname AS table_without_forget
FROM member JOIN pg_class c ON classid = 'pg_class'::regclass AND c.oid = objid
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'customer_id' AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p')
	AND (SELECT count(DISTINCT p.proname ~ '_forget$') FROM pg_proc p
		 WHERE p.pronamespace = 'promo'::regnamespace AND p.proname ~ '_(customer_data|forget)$'
			AND p.prosrc LIKE '%promo.' || c.relname || ' %') < 2
ORDER BY 1;

-- and the two functions of night call all of those
SELECT p.proname AS not_called
FROM member JOIN pg_proc p ON classid = 'pg_proc'::regclass AND p.oid = objid
WHERE p.proname ~ '_(customer_data|forget)$'
	AND (SELECT n.prosrc FROM pg_proc n
		 WHERE n.pronamespace = 'promo'::regnamespace
			AND n.proname = CASE WHEN p.proname ~ 'forget$' THEN 'forget_customer' ELSE 'customer_data' END)
		NOT LIKE '%promo.' || p.proname || '(%'
ORDER BY 1;

-- No parameter needs quotes
SELECT object, name AS reserved_parameter
FROM member JOIN pg_proc p ON classid = 'pg_proc'::regclass AND p.oid = objid
CROSS JOIN unnest(p.proargnames) name
JOIN pg_get_keywords() k ON k.word = name AND k.catcode IN ('R', 'T')
ORDER BY 1;
