import { DEFAULT_PREFERENCES, type NotificationKind, type Preferences } from '@parley/contracts';

/** What a user's row holds of them: what differs from the default. */
export interface StoredPreferences {
  notifications?: Partial<Record<NotificationKind, boolean>>;
  conversations?: Preferences['conversations'];
  unarchiveOnMessage?: boolean;
}

export function preferencesOf(stored: StoredPreferences = {}): Preferences {
  return {
    notifications: { ...DEFAULT_PREFERENCES.notifications, ...stored.notifications },
    conversations: { ...DEFAULT_PREFERENCES.conversations, ...stored.conversations },
    unarchiveOnMessage: stored.unarchiveOnMessage ?? DEFAULT_PREFERENCES.unarchiveOnMessage,
  };
}
