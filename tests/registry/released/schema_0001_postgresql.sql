-- A registry of the first schema in PostgreSQL, as the release that had it left one: two projects, versions, runs,
-- one of them cut off, and what was retired. Clock, host and account are made up.
CREATE TABLE public.fs_active_versions (
    project text NOT NULL,
    view text NOT NULL,
    version_id integer NOT NULL
);
CREATE TABLE public.fs_commits (
    project text NOT NULL,
    revision bigint NOT NULL,
    message text NOT NULL,
    author text NOT NULL,
    committed_us bigint NOT NULL
);
CREATE TABLE public.fs_leases (
    project text NOT NULL,
    view text NOT NULL,
    run bigint NOT NULL,
    expires_us bigint NOT NULL,
    host text NOT NULL,
    process bigint NOT NULL,
    process_started bigint NOT NULL
);
CREATE TABLE public.fs_payloads (
    version_id integer NOT NULL,
    revision bigint NOT NULL,
    metadata_hash text NOT NULL,
    payload text NOT NULL
);
CREATE TABLE public.fs_projects (
    name text NOT NULL,
    revision bigint NOT NULL
);
CREATE TABLE public.fs_runs (
    project text NOT NULL,
    view text NOT NULL,
    number bigint NOT NULL,
    version_id integer NOT NULL,
    kind text NOT NULL,
    generation bigint NOT NULL,
    start_us bigint,
    end_us bigint NOT NULL,
    status text NOT NULL,
    began_us bigint NOT NULL,
    ended_us bigint,
    row_count bigint,
    error text
);
CREATE TABLE public.fs_schema_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.fs_versions (
    id integer NOT NULL,
    project text NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    version integer NOT NULL,
    data_hash text NOT NULL,
    created_revision bigint NOT NULL,
    applied_us bigint NOT NULL,
    retired_revision bigint,
    retired_us bigint
);
CREATE SEQUENCE public.fs_versions_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.fs_versions_id_seq OWNED BY public.fs_versions.id;
CREATE TABLE public.fs_view_states (
    version_id integer NOT NULL,
    generation bigint NOT NULL,
    watermark_us bigint NOT NULL,
    run_began_us bigint NOT NULL
);
ALTER TABLE ONLY public.fs_versions ALTER COLUMN id SET DEFAULT nextval('public.fs_versions_id_seq'::regclass);
INSERT INTO public.fs_active_versions VALUES ('flights', 'load', 4);
INSERT INTO public.fs_active_versions VALUES ('flights', 'punctuality', 5);
INSERT INTO public.fs_commits VALUES ('flights', 1, 'the first ones', 'ann', 1704067071321866);
INSERT INTO public.fs_commits VALUES ('flights', 2, 'it has an owner', 'ann', 1704067071446480);
INSERT INTO public.fs_commits VALUES ('flights', 3, 'shorter', 'ann', 1704067071463411);
INSERT INTO public.fs_commits VALUES ('flights', 4, 'nobody flies them', 'ann', 1704067071512722);
INSERT INTO public.fs_commits VALUES ('trains', 1, '', 'ann', 1704067071587406);
INSERT INTO public.fs_leases VALUES ('flights', 'punctuality', 4, 1704070671495880, 'fill-3/boot/pid:[1]', 4242, 99);
INSERT INTO public.fs_payloads VALUES (1, 1, '435ce2ef4b9bcc7544818334d243b7ddc697a574e2d06cfbb70afc461180a174', '{"description":"naïve ✈ ''quoted'' \"twice\" %s :x","join_keys":{"tailnum":"string"},"name":"plane","owner":"","tags":{}}');
INSERT INTO public.fs_payloads VALUES (2, 1, '1d3ba5c32817d977616ffa57044c566f12581d144c6989892afc798b090ae4f4', '{"description":"","join_keys":{"dest":"string","origin":"string"},"name":"route","owner":"","tags":{}}');
INSERT INTO public.fs_payloads VALUES (3, 1, '284324b12a1e5d2b938d47534b3319e45c83b6d36b7d34333d34ed38fe0c1491', '{"available_at":null,"created_timestamp":"loaded_at","delay":null,"description":"","event_id":null,"event_timestamp":"arrived_at","hive_partitioning":false,"kind":"parquet","name":"arrivals","owner":"","path":["arrivals/*.parquet"],"tags":{},"timezone":"UTC"}');
INSERT INTO public.fs_payloads VALUES (4, 1, '789e616c6a113b814b705a0c07225ddae4f935404c637a64c86545e9f8358b07', '{"description":"","entities":[{"description":"naïve ✈ ''quoted'' \"twice\" %s :x","join_keys":{"tailnum":"string"},"name":"plane","owner":"","tags":{}}],"features":[{"column":"*","description":"","function":"count","input_type":null,"name":"count_lifetime","offset":0,"tags":{},"where":null,"window":["lifetime"]}],"name":"load","online":false,"owner":"","schedule":{"every":3600000000,"lag":0,"offset":0},"source":{"available_at":null,"created_timestamp":"loaded_at","delay":null,"description":"","event_id":null,"event_timestamp":"arrived_at","hive_partitioning":false,"kind":"parquet","name":"arrivals","owner":"","path":["arrivals/*.parquet"],"tags":{},"timezone":"UTC"},"tags":{},"ttl":null}');
INSERT INTO public.fs_payloads VALUES (5, 1, '8a00e062bb1aa1c39665740285b61d202adcb8407e33353b22a7f81bfdca4ed2', '{"description":"","entities":[{"description":"naïve ✈ ''quoted'' \"twice\" %s :x","join_keys":{"tailnum":"string"},"name":"plane","owner":"","tags":{}}],"features":[{"column":"delay","description":"","dtype":"float64","name":"delay","tags":{}}],"name":"punctuality","online":true,"owner":"","schedule":null,"source":{"available_at":null,"created_timestamp":"loaded_at","delay":null,"description":"","event_id":null,"event_timestamp":"arrived_at","hive_partitioning":false,"kind":"parquet","name":"arrivals","owner":"","path":["arrivals/*.parquet"],"tags":{},"timezone":"UTC"},"tags":{},"ttl":null}');
INSERT INTO public.fs_payloads VALUES (6, 1, '63da404282cb413ed30b5be464ee85ceabf6e6b582a11e51969f937bb38ec169', '{"description":"","entities":[{"description":"","join_keys":{"dest":"string","origin":"string"},"name":"route","owner":"","tags":{}}],"features":[{"column":"delay","description":"","dtype":"float64","name":"delay","tags":{}}],"name":"routes","online":true,"owner":"","schedule":null,"source":{"available_at":null,"created_timestamp":"loaded_at","delay":null,"description":"","event_id":null,"event_timestamp":"arrived_at","hive_partitioning":false,"kind":"parquet","name":"arrivals","owner":"","path":["arrivals/*.parquet"],"tags":{},"timezone":"UTC"},"tags":{},"ttl":null}');
INSERT INTO public.fs_payloads VALUES (7, 1, '7e6c101bf4fc8a742b12220b056b3b99041ab84d3e746ba87b63ebd08cb9986a', '{"description":"","features":[{"alias_name":null,"features":["delay"],"join_keys":{},"version":null,"view":"punctuality"}],"name":"departures","owner":"","tags":{}}');
INSERT INTO public.fs_payloads VALUES (5, 2, '5c48912d64e55c4307715251802bbe846c8fd7597959e0a7b3b7102d6bc3bacd', '{"description":"","entities":[{"description":"naïve ✈ ''quoted'' \"twice\" %s :x","join_keys":{"tailnum":"string"},"name":"plane","owner":"","tags":{}}],"features":[{"column":"delay","description":"","dtype":"float64","name":"delay","tags":{}}],"name":"punctuality","online":true,"owner":"ops","schedule":null,"source":{"available_at":null,"created_timestamp":"loaded_at","delay":null,"description":"","event_id":null,"event_timestamp":"arrived_at","hive_partitioning":false,"kind":"parquet","name":"arrivals","owner":"","path":["arrivals/*.parquet"],"tags":{},"timezone":"UTC"},"tags":{},"ttl":null}');
INSERT INTO public.fs_payloads VALUES (8, 3, '411bd32114a4b024ea00dc9636a29b62147b05ccbb7bb8f27d9aae00c6c0c802', '{"description":"","entities":[{"description":"naïve ✈ ''quoted'' \"twice\" %s :x","join_keys":{"tailnum":"string"},"name":"plane","owner":"","tags":{}}],"features":[{"column":"delay","description":"","dtype":"float64","name":"delay","tags":{}}],"name":"punctuality","online":true,"owner":"ops","schedule":null,"source":{"available_at":null,"created_timestamp":"loaded_at","delay":null,"description":"","event_id":null,"event_timestamp":"arrived_at","hive_partitioning":false,"kind":"parquet","name":"arrivals","owner":"","path":["arrivals/*.parquet"],"tags":{},"timezone":"UTC"},"tags":{},"ttl":3600000000}');
INSERT INTO public.fs_payloads VALUES (9, 1, 'fcc09e0224075288ffb1d94fda8c3d619bc103d0f618a9df6b3336120faf61b4', '{"description":"","join_keys":{"number":"int64"},"name":"wagon","owner":"","tags":{}}');
INSERT INTO public.fs_projects VALUES ('flights', 4);
INSERT INTO public.fs_projects VALUES ('trains', 1);
INSERT INTO public.fs_runs VALUES ('flights', 'punctuality', 1, 5, 'full', 1, NULL, 1700000000000000, 'succeeded', 1704067071353547, 1704067071402861, 5, NULL);
INSERT INTO public.fs_runs VALUES ('flights', 'punctuality', 2, 5, 'incremental', 1, 1700000000000000, 1700000100000000, 'succeeded', 1704067071410521, 1704067071430895, 2, NULL);
INSERT INTO public.fs_runs VALUES ('flights', 'punctuality', 3, 8, 'full', 3, NULL, 1700000200000000, 'failed', 1704067071477895, 1704067071485551, NULL, 'no room');
INSERT INTO public.fs_runs VALUES ('flights', 'punctuality', 4, 8, 'full', 4, NULL, 1700000200000000, 'running', 1704067071495880, NULL, NULL, NULL);
INSERT INTO public.fs_schema_version VALUES ('0001');
INSERT INTO public.fs_versions VALUES (1, 'flights', 'entity', 'plane', 1, '0a87211b5821590d725d0496b2e2919dd98da1e5c901796d5467e0ae41a2f6c8', 1, 1704067071321866, NULL, NULL);
INSERT INTO public.fs_versions VALUES (2, 'flights', 'entity', 'route', 1, '0160b49a234b1fe3b7ca17deabfb03aa2f8502e99db0581ab747e84a4f79edcc', 1, 1704067071321866, NULL, NULL);
INSERT INTO public.fs_versions VALUES (3, 'flights', 'source', 'arrivals', 1, '12ba842fd6b96524512041abaa66bb071aec0f9be2fe2582f9cd3d181486b70d', 1, 1704067071321866, NULL, NULL);
INSERT INTO public.fs_versions VALUES (4, 'flights', 'feature_view', 'load', 1, '78bf96a4bb8b002c830ac530889ec2740aa0b9e82c89eede8f2b970af9437910', 1, 1704067071321866, NULL, NULL);
INSERT INTO public.fs_versions VALUES (5, 'flights', 'feature_view', 'punctuality', 1, 'c6f88cd7714af8d7afe491ea8beebbb15e07d7ac3cfef683db9b6335cf3cb08d', 1, 1704067071321866, NULL, NULL);
INSERT INTO public.fs_versions VALUES (7, 'flights', 'feature_service', 'departures', 1, 'fae42a6c7e72e01d6786f2f288de217309e2991954e157cb8322dde451f15a7e', 1, 1704067071321866, NULL, NULL);
INSERT INTO public.fs_versions VALUES (8, 'flights', 'feature_view', 'punctuality', 2, 'ac02b7538a4e1016e725e6951fec8f27a16bfce6f6b7f192d8a9b1054fa73549', 3, 1704067071463411, NULL, NULL);
INSERT INTO public.fs_versions VALUES (6, 'flights', 'feature_view', 'routes', 1, 'b66463d9bb84881a4047f6a72cdc8ae6c317e657f1bf3f6a91140ece63f55870', 1, 1704067071321866, 4, 1704067071512722);
INSERT INTO public.fs_versions VALUES (9, 'trains', 'entity', 'wagon', 1, 'ce977f3e156bf5048cf3e6b5783290e931fee7b47563d562f487f05e34edbbc7', 1, 1704067071587406, NULL, NULL);
INSERT INTO public.fs_view_states VALUES (5, 1, 1700000100000000, 1704067071410521);
SELECT pg_catalog.setval('public.fs_versions_id_seq', 9, true);
ALTER TABLE ONLY public.fs_active_versions
    ADD CONSTRAINT fs_active_versions_pkey PRIMARY KEY (project, view);
ALTER TABLE ONLY public.fs_commits
    ADD CONSTRAINT fs_commits_pkey PRIMARY KEY (project, revision);
ALTER TABLE ONLY public.fs_leases
    ADD CONSTRAINT fs_leases_pkey PRIMARY KEY (project, view);
ALTER TABLE ONLY public.fs_payloads
    ADD CONSTRAINT fs_payloads_pkey PRIMARY KEY (version_id, revision);
ALTER TABLE ONLY public.fs_projects
    ADD CONSTRAINT fs_projects_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.fs_runs
    ADD CONSTRAINT fs_runs_pkey PRIMARY KEY (project, view, number);
ALTER TABLE ONLY public.fs_schema_version
    ADD CONSTRAINT fs_schema_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.fs_versions
    ADD CONSTRAINT fs_versions_number UNIQUE (project, kind, name, version);
ALTER TABLE ONLY public.fs_versions
    ADD CONSTRAINT fs_versions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.fs_view_states
    ADD CONSTRAINT fs_view_states_pkey PRIMARY KEY (version_id);
CREATE INDEX fs_runs_began ON public.fs_runs USING btree (project, began_us);
ALTER TABLE ONLY public.fs_active_versions
    ADD CONSTRAINT fs_active_versions_version_id_fkey FOREIGN KEY (version_id) REFERENCES public.fs_versions(id);
ALTER TABLE ONLY public.fs_commits
    ADD CONSTRAINT fs_commits_project_fkey FOREIGN KEY (project) REFERENCES public.fs_projects(name);
ALTER TABLE ONLY public.fs_payloads
    ADD CONSTRAINT fs_payloads_version_id_fkey FOREIGN KEY (version_id) REFERENCES public.fs_versions(id);
ALTER TABLE ONLY public.fs_runs
    ADD CONSTRAINT fs_runs_version_id_fkey FOREIGN KEY (version_id) REFERENCES public.fs_versions(id);
ALTER TABLE ONLY public.fs_versions
    ADD CONSTRAINT fs_versions_project_fkey FOREIGN KEY (project) REFERENCES public.fs_projects(name);
ALTER TABLE ONLY public.fs_view_states
    ADD CONSTRAINT fs_view_states_version_id_fkey FOREIGN KEY (version_id) REFERENCES public.fs_versions(id);
