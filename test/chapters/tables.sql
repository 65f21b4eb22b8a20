-- What the shop exports: invoice lines, as dirty as they come.
CREATE TABLE raw_line (
	line_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	file integer,
	invoice text,
	stock_code text,
	description text,
	quantity integer,
	invoice_date timestamp,
	unit_price numeric,
	customer_id integer,
	country text
);
