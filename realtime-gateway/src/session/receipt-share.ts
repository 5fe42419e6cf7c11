/** What one user sees of a commit of cursors. */
export interface Share {
  conversationIds: string[];
  /** Cursors that nobody else is sent are in it. */
  own: boolean;
}

/** Conversations are added in the commit's order, so that equal shares have equal keys. */
export function addShare<U>(shares: Map<U, Share>, user: U, conversationId: string, own: boolean): void {
  const share = shares.get(user);
  if (!share) {
    shares.set(user, { conversationIds: [conversationId], own });
    return;
  }
  if (share.conversationIds.at(-1) !== conversationId) share.conversationIds.push(conversationId);
  share.own ||= own;
}
