export interface PostgresSettings {
  port: number;
  fast: boolean;
}

/** For one small machine. Passed at every start, so old data gets new settings. */
export function postgresSettings({ port, fast }: PostgresSettings): string[] {
  const settings: Record<string, string> = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    // TCP only: no socket file can go stale or be too long for the system.
    unix_socket_directories: '',
    max_connections: '200',
    shared_buffers: fast ? '64MB' : '256MB',
    effective_cache_size: '1GB',
    work_mem: '16MB',
    maintenance_work_mem: '128MB',
    random_page_cost: '1.1',
    jit: 'off',
    // Nothing replicates from here, and a bulk COPY into a new table then skips the WAL.
    wal_level: 'minimal',
    max_wal_senders: '0',
    max_wal_size: '2GB',
    timezone: 'UTC',
    log_timezone: 'UTC',
    // Commits still reach the kernel, so SIGKILL loses nothing; with synchronous_commit off it would (measured).
    ...(fast ? { fsync: 'off', full_page_writes: 'off' } : {}),
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
