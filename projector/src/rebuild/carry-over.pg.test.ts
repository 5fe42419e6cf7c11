import { expect, it } from 'vitest';
import { useProjectedLog } from '../testing/projected-log.ts';

const stage = useProjectedLog();
let roles = 0;

/** Roles are of the whole server: each test has its own. */
async function newRole(login: string): Promise<string> {
  const name = `reader_${++roles}_${process.pid}`;
  await stage.pool.query(`CREATE ROLE ${name} ${login}; GRANT USAGE ON SCHEMA read_model TO ${name}`);
  return name;
}

/** Whether a role may read a table, as Postgres says it. */
async function readAs(role: string, table: string): Promise<string> {
  const client = await stage.pool.connect();
  try {
    await client.query(`SET ROLE ${role}`);
    await client.query(`SELECT * FROM read_model.${table} LIMIT 1`);
    return 'allowed';
  } catch (error) {
    return (error as Error).message;
  } finally {
    await client.query('RESET ROLE');
    client.release();
  }
}

const settings = () =>
  stage.pool
    .query(`SELECT c.relowner::regrole::text AS owner, array(SELECT unnest(c.reloptions) ORDER BY 1) AS options, t.reloptions AS toast,
                   obj_description(c.oid, 'pg_class') AS comment, col_description(c.oid, 2) AS "columnComment",
                   array(SELECT concat_ws(' ', grantee::regrole, privilege_type, is_grantable)
                           FROM aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) ORDER BY 1) AS privileges,
                   (SELECT count(*)::int FROM pg_attribute WHERE attrelid = c.oid AND attacl IS NOT NULL) AS columns,
                   array(SELECT indexname::text FROM pg_indexes WHERE schemaname = 'read_model' AND tablename = 'messages'
                          ORDER BY 1) AS indexes
              FROM pg_class c LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
             WHERE c.oid = 'read_model.messages'::regclass`)
    .then(({ rows }) => rows[0]);

it('a role that may only read some tables still may after an exchange, and no more than before', async () => {
  const reader = await newRole('LOGIN');
  const clerk = await newRole('NOLOGIN');
  await stage.pool.query(`GRANT SELECT ON read_model.messages, read_model.checkpoints TO ${reader};
    GRANT SELECT (conversation_id, role) ON read_model.members TO ${clerk} WITH GRANT OPTION;
    GRANT SELECT, REFERENCES ON read_model.pins TO PUBLIC`);
  for (const change of ['rebuild', 'rollBack', 'rebuild'] as const) {
    await stage[change]();
    expect(await readAs(reader, 'messages')).toBe('allowed');
    expect(await readAs(reader, 'checkpoints')).toBe('allowed');
    expect(await readAs(clerk, 'pins')).toBe('allowed');
    expect(await readAs(reader, 'members')).toContain('permission denied');
    const { rows } = await stage.pool.query(
      `SELECT has_column_privilege($1, 'read_model.members', 'role', 'SELECT WITH GRANT OPTION') AS granted,
              has_column_privilege($1, 'read_model.members', 'user_id', 'SELECT') AS other`,
      [clerk],
    );
    expect(rows[0]).toEqual({ granted: true, other: false });
  }
  await stage.pool.query(`REVOKE ALL ON read_model.messages FROM ${reader}`);
  await stage.rollBack();
  expect(await readAs(reader, 'messages')).toContain('permission denied');
});

it('owner, comments, storage parameters and indexes of an installation are on the new tables', async () => {
  const owner = await newRole('NOLOGIN');
  await stage.pool.query(`GRANT ${owner} TO CURRENT_USER; GRANT CREATE ON SCHEMA read_model TO ${owner};
    ALTER TABLE read_model.messages OWNER TO ${owner};
    ALTER TABLE read_model.messages SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, toast.autovacuum_enabled = false);
    COMMENT ON TABLE read_model.messages IS 'what people''s said';
    COMMENT ON COLUMN read_model.messages.ordinal IS 'from 1';
    CREATE INDEX messages_by_length ON read_model.messages (length(body)) WHERE body IS NOT NULL`);
  const before = await settings();
  expect(before).toMatchObject({ owner, options: ['autovacuum_vacuum_scale_factor=0.02', 'fillfactor=70'] });
  const rebuilt = await stage.rebuild();
  expect(rebuilt.switched?.leftBehind).toEqual([]);
  expect(await settings()).toEqual(before);
  await stage.pool.query(
    `ALTER TABLE read_model.messages RESET (fillfactor); COMMENT ON TABLE read_model.messages IS NULL`,
  );
  const later = await settings();
  await stage.rollBack();
  expect(await settings()).toEqual(later);
});

it('what stays behind with the old tables is told', async () => {
  await stage.pool.query(`CREATE FUNCTION read_model.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER noted AFTER INSERT ON read_model.pins FOR EACH ROW EXECUTE FUNCTION read_model.note();
    CREATE STATISTICS read_model.lengths ON conversation_id, ordinal FROM read_model.messages`);
  const { switched } = await stage.rebuild();
  expect(switched?.leftBehind.map((text) => text.replaceAll('read_model.', ''))).toEqual([
    'trigger noted on pins',
    'statistics lengths on messages',
  ]);
});
