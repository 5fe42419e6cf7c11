import { createClient, type ParleyClient, type Shown } from '@parley/client';
import { StrictMode, useState } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import {
  ParleyProvider,
  useConnection,
  useConversation,
  useConversations,
  useMessages,
  useOutbox,
  useParley,
  usePresence,
  useTyping,
  useUnread,
} from '../index.ts';

interface Addresses {
  origin: string;
  commandApi: string;
  readApi: string;
  gateway: string;
}

/** Every state that the list of messages was drawn in, and how many rows it had. */
const drawn: [Shown<unknown>['state'], number | null][] = [];

function Messages({ room }: { room: string }) {
  const [{ state, value }, { send, loadBefore, retry, discard }] = useMessages(room);
  const [text, setText] = useState('');
  const [typers, type] = useTyping(room);
  drawn.push([state, value ? value.rows.length : null]);
  return (
    <section>
      <output id="messages">{state}</output>
      <ul>
        {value?.rows.map((row) => (
          <li key={row.key} data-kind={row.kind}>
            {row.kind === 'sent' ? row.message.body : row.data.body}
            {row.kind === 'failed' && (
              <button type="button" onClick={() => retry(row.key)}>
                retry
              </button>
            )}
            {row.kind === 'failed' && (
              <button type="button" onClick={() => discard(row.key)}>
                discard
              </button>
            )}
          </li>
        ))}
      </ul>
      {value?.hasBefore && (
        <button type="button" onClick={() => void loadBefore()}>
          older
        </button>
      )}
      <input
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          type(true);
        }}
      />
      <button
        type="button"
        onClick={() => {
          send(text);
          type(false);
          setText('');
        }}
      >
        send
      </button>
      <output id="typing">{typers.join()}</output>
    </section>
  );
}

function Around({ room, peer }: { room: string; peer: string }) {
  const conversation = useConversation(room);
  const conversations = useConversations();
  const unread = useUnread();
  const connection = useConnection();
  const presence = usePresence([peer]);
  const outbox = useOutbox();
  const { live } = useParley();
  const first = conversations.value?.items[0];
  return (
    <aside>
      <button type="button" onClick={() => live.close()}>
        log out
      </button>
      <output id="title">{conversation.value?.conversation.title ?? conversation.state}</output>
      <output id="first">
        {first ? `${first.conversation.id} ${first.me?.unread}` : conversations.state}
      </output>
      <output id="unread">{unread.value?.total ?? unread.state}</output>
      <output id="connection">{connection.state}</output>
      <output id="presence">{presence.get(peer)?.state}</output>
      <output id="outbox">{outbox.length}</output>
    </aside>
  );
}

function Chat({ room, peer }: { room: string; peer: string }) {
  const [isOpen, setOpen] = useState(true);
  return (
    <>
      <button type="button" onClick={() => setOpen(!isOpen)}>
        {isOpen ? 'close' : 'open'}
      </button>
      {isOpen && <Messages room={room} />}
      <Around room={room} peer={peer} />
    </>
  );
}

let root: Root | null = null;

function clientOf({ origin, ...services }: Addresses, user: string): ParleyClient {
  const token = async (): Promise<string> => (await fetch(`${origin}/token/${user}`)).text();
  return createClient({ ...services, token });
}

/** Called from outside the page. */
function showChat(addresses: Addresses, user: string, room: string, peer: string): void {
  root ??= createRoot(document.getElementById('root') ?? document.body);
  root.render(
    <StrictMode>
      <ParleyProvider client={clientOf(addresses, user)}>
        <Chat room={room} peer={peer} />
      </ParleyProvider>
    </StrictMode>,
  );
}

Object.assign(globalThis, { showChat, drawn });
