/* src/behavior/lifetime.sql */
