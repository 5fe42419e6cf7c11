-- The rows of the first model lack what this one holds, and the log has it all: every lane folds it again from its
-- beginning. The checkpoints keep their owner and epoch, so that a projector of before that still runs writes nothing
-- more; they come first, in the order in which its transactions take their locks.
UPDATE "read_model"."checkpoints" SET "sequence" = 0, "commit_id" = '';--> statement-breakpoint
TRUNCATE "read_model"."conversations", "read_model"."members", "read_model"."messages", "read_model"."command_results";--> statement-breakpoint
CREATE TABLE "read_model"."audience_cursors" (
	"conversation_id" uuid NOT NULL,
	"user_id" text NOT NULL,
	"read_ordinal" integer NOT NULL,
	"delivered_ordinal" integer NOT NULL,
	CONSTRAINT "audience_cursors_pk" PRIMARY KEY("conversation_id","user_id")
);
--> statement-breakpoint
CREATE TABLE "read_model"."audience_users" (
	"user_id" text NOT NULL,
	"conversation_id" uuid NOT NULL,
	CONSTRAINT "audience_users_pk" PRIMARY KEY("user_id","conversation_id")
);
--> statement-breakpoint
CREATE TABLE "read_model"."audit" (
	"conversation_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"sequence" bigint NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"actor" text NOT NULL,
	"type" text NOT NULL,
	"details" json NOT NULL,
	CONSTRAINT "audit_pk" PRIMARY KEY("conversation_id","version")
);
--> statement-breakpoint
CREATE TABLE "read_model"."bans" (
	"conversation_id" uuid NOT NULL,
	"user_id" text NOT NULL,
	"banned_by" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"until" timestamp with time zone,
	"reason" text,
	CONSTRAINT "bans_pk" PRIMARY KEY("conversation_id","user_id")
);
--> statement-breakpoint
CREATE TABLE "read_model"."blocks" (
	"user_id" text NOT NULL,
	"blocked_id" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	CONSTRAINT "blocks_pk" PRIMARY KEY("user_id","blocked_id")
);
--> statement-breakpoint
CREATE TABLE "read_model"."devices" (
	"user_id" text NOT NULL,
	"device_id" text NOT NULL,
	"platform" text NOT NULL,
	"name" text,
	"registered_at" timestamp with time zone NOT NULL,
	CONSTRAINT "devices_pk" PRIMARY KEY("user_id","device_id")
);
--> statement-breakpoint
CREATE TABLE "read_model"."hidden_messages" (
	"user_id" text NOT NULL,
	"conversation_id" uuid NOT NULL,
	"ordinal" integer NOT NULL,
	CONSTRAINT "hidden_messages_pk" PRIMARY KEY("user_id","conversation_id","ordinal")
);
--> statement-breakpoint
CREATE TABLE "read_model"."invites" (
	"conversation_id" uuid NOT NULL,
	"user_id" text NOT NULL,
	"role" text NOT NULL,
	"invited_by" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone,
	"sequence" bigint NOT NULL,
	CONSTRAINT "invites_pk" PRIMARY KEY("conversation_id","user_id")
);
--> statement-breakpoint
CREATE TABLE "read_model"."member_changes" (
	"conversation_id" uuid NOT NULL,
	"user_id" text NOT NULL,
	"version" integer NOT NULL,
	"sequence" bigint NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"role" text,
	"joined_at" timestamp with time zone,
	CONSTRAINT "member_changes_pk" PRIMARY KEY("conversation_id","user_id","version")
);
--> statement-breakpoint
CREATE TABLE "read_model"."mentions" (
	"conversation_id" uuid NOT NULL,
	"user_id" text NOT NULL,
	"ordinal" integer NOT NULL,
	"sequence" bigint NOT NULL,
	"in_thread" boolean NOT NULL,
	CONSTRAINT "mentions_pk" PRIMARY KEY("conversation_id","ordinal","user_id")
);
--> statement-breakpoint
CREATE TABLE "read_model"."message_edits" (
	"conversation_id" uuid NOT NULL,
	"ordinal" integer NOT NULL,
	"version" integer NOT NULL,
	"sequence" bigint NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"by" text NOT NULL,
	"body" text,
	"format" text NOT NULL,
	"ciphertext" json,
	"mentions" json NOT NULL,
	CONSTRAINT "message_edits_pk" PRIMARY KEY("conversation_id","ordinal","version")
);
--> statement-breakpoint
CREATE TABLE "read_model"."notification_reads" (
	"user_id" text NOT NULL,
	"notification_id" uuid NOT NULL,
	CONSTRAINT "notification_reads_pk" PRIMARY KEY("user_id","notification_id")
);
--> statement-breakpoint
CREATE TABLE "read_model"."pins" (
	"conversation_id" uuid NOT NULL,
	"ordinal" integer NOT NULL,
	"version" integer NOT NULL,
	"sequence" bigint NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"by" text NOT NULL,
	"pinned" boolean NOT NULL,
	CONSTRAINT "pins_pk" PRIMARY KEY("conversation_id","ordinal","version")
);
--> statement-breakpoint
CREATE TABLE "read_model"."reactions" (
	"conversation_id" uuid NOT NULL,
	"ordinal" integer NOT NULL,
	"emoji" text NOT NULL,
	"user_id" text NOT NULL,
	"version" integer NOT NULL,
	"sequence" bigint NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"author_id" text NOT NULL,
	"added" boolean NOT NULL,
	"latest" boolean NOT NULL,
	CONSTRAINT "reactions_pk" PRIMARY KEY("conversation_id","ordinal","emoji","user_id","version")
);
--> statement-breakpoint
CREATE TABLE "read_model"."reports" (
	"conversation_id" uuid NOT NULL,
	"ordinal" integer NOT NULL,
	"user_id" text NOT NULL,
	"message_id" uuid NOT NULL,
	"author_id" text NOT NULL,
	"reason" text NOT NULL,
	"note" text,
	"at" timestamp with time zone NOT NULL,
	"sequence" bigint NOT NULL,
	CONSTRAINT "reports_pk" PRIMARY KEY("conversation_id","ordinal","user_id")
);
--> statement-breakpoint
CREATE TABLE "read_model"."scheduled_messages" (
	"user_id" text NOT NULL,
	"schedule_id" uuid NOT NULL,
	"conversation_id" uuid NOT NULL,
	"due_at" timestamp with time zone NOT NULL,
	"message" json NOT NULL,
	"state" text NOT NULL,
	"code" text,
	CONSTRAINT "scheduled_messages_pk" PRIMARY KEY("user_id","schedule_id")
);
--> statement-breakpoint
CREATE TABLE "read_model"."thread_followers" (
	"conversation_id" uuid NOT NULL,
	"user_id" text NOT NULL,
	"ordinal" integer NOT NULL,
	"followed_from" integer NOT NULL,
	"read_ordinal" integer NOT NULL,
	CONSTRAINT "thread_followers_pk" PRIMARY KEY("user_id","conversation_id","ordinal")
);
--> statement-breakpoint
CREATE TABLE "read_model"."threads" (
	"conversation_id" uuid NOT NULL,
	"ordinal" integer NOT NULL,
	"reply_count" integer NOT NULL,
	"last_reply_ordinal" integer NOT NULL,
	"last_reply_at" timestamp with time zone NOT NULL,
	"last_reply_sequence" bigint NOT NULL,
	CONSTRAINT "threads_pk" PRIMARY KEY("conversation_id","ordinal")
);
--> statement-breakpoint
CREATE TABLE "read_model"."user_conversations" (
	"user_id" text NOT NULL,
	"conversation_id" uuid NOT NULL,
	"muted_sequence" bigint,
	"muted_until" timestamp with time zone,
	"archived_sequence" bigint,
	"pinned_at" timestamp with time zone,
	"last_hidden_ordinal" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "user_conversations_pk" PRIMARY KEY("user_id","conversation_id")
);
--> statement-breakpoint
CREATE TABLE "read_model"."users" (
	"user_id" text PRIMARY KEY NOT NULL,
	"display_name" text,
	"avatar" text,
	"status_text" text,
	"last_seen_visible" boolean DEFAULT true NOT NULL,
	"preferences" json NOT NULL,
	"notifications_read_sequence" bigint DEFAULT 0 NOT NULL,
	"version" integer NOT NULL,
	"sequence" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "read_model"."conversations" ADD COLUMN "avatar" text;--> statement-breakpoint
ALTER TABLE "read_model"."conversations" ADD COLUMN "settings" jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "read_model"."conversations" ADD COLUMN "audience" text;--> statement-breakpoint
ALTER TABLE "read_model"."conversations" ADD COLUMN "segment" text;--> statement-breakpoint
ALTER TABLE "read_model"."conversations" ADD COLUMN "audience_user_ids" text[];--> statement-breakpoint
ALTER TABLE "read_model"."conversations" ADD COLUMN "archived_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "read_model"."conversations" ADD COLUMN "deleted_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "read_model"."conversations" ADD COLUMN "reply_count" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "read_model"."conversations" ADD COLUMN "last_main_ordinal" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "read_model"."conversations" ADD COLUMN "last_message_sequence" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "read_model"."conversations" ADD COLUMN "last_mention_all_ordinal" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "read_model"."conversations" ADD COLUMN "last_reply_ordinal" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "read_model"."conversations" ADD COLUMN "expired_ordinal" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "read_model"."members" ADD COLUMN "joined_version" integer NOT NULL;--> statement-breakpoint
ALTER TABLE "read_model"."members" ADD COLUMN "joined_ordinal" integer NOT NULL;--> statement-breakpoint
ALTER TABLE "read_model"."members" ADD COLUMN "delivered_ordinal" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "read_model"."members" ADD COLUMN "receipt_ordinal" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "read_model"."members" ADD COLUMN "last_mention_ordinal" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "read_model"."messages" ADD COLUMN "sent_version" integer NOT NULL;--> statement-breakpoint
ALTER TABLE "read_model"."messages" ADD COLUMN "replies" integer NOT NULL;--> statement-breakpoint
ALTER TABLE "read_model"."messages" ADD COLUMN "ciphertext" json;--> statement-breakpoint
ALTER TABLE "read_model"."messages" ADD COLUMN "attachments" json NOT NULL;--> statement-breakpoint
ALTER TABLE "read_model"."messages" ADD COLUMN "reply_to_author" text;--> statement-breakpoint
ALTER TABLE "read_model"."messages" ADD COLUMN "thread_id" uuid;--> statement-breakpoint
ALTER TABLE "read_model"."messages" ADD COLUMN "thread_ordinal" integer;--> statement-breakpoint
ALTER TABLE "read_model"."messages" ADD COLUMN "mentions" json NOT NULL;--> statement-breakpoint
ALTER TABLE "read_model"."messages" ADD COLUMN "mentions_all" boolean NOT NULL;--> statement-breakpoint
ALTER TABLE "read_model"."messages" ADD COLUMN "search" "tsvector" GENERATED ALWAYS AS (to_tsvector('simple', coalesce(body, ''))) STORED;--> statement-breakpoint
CREATE INDEX "audit_newest" ON "read_model"."audit" USING btree ("sequence" DESC NULLS FIRST,"conversation_id","version" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "invites_by_user" ON "read_model"."invites" USING btree ("user_id","sequence" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "mentions_by_user" ON "read_model"."mentions" USING btree ("user_id","conversation_id","ordinal");--> statement-breakpoint
CREATE INDEX "mentions_newest" ON "read_model"."mentions" USING btree ("user_id","sequence" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "reactions_standing" ON "read_model"."reactions" USING btree ("conversation_id","ordinal") WHERE "read_model"."reactions"."latest" and "read_model"."reactions"."added";--> statement-breakpoint
CREATE INDEX "reactions_to_author" ON "read_model"."reactions" USING btree ("author_id","sequence" DESC NULLS FIRST) WHERE "read_model"."reactions"."added";--> statement-breakpoint
CREATE INDEX "reports_newest" ON "read_model"."reports" USING btree ("conversation_id","sequence" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "reports_of_all" ON "read_model"."reports" USING btree ("sequence" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "scheduled_messages_due" ON "read_model"."scheduled_messages" USING btree ("due_at") WHERE "read_model"."scheduled_messages"."state" <> 'failed';--> statement-breakpoint
CREATE INDEX "conversations_channels" ON "read_model"."conversations" USING btree (lower("title"),"id") WHERE "read_model"."conversations"."type" = 'channel' and "read_model"."conversations"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "conversations_segment" ON "read_model"."conversations" USING btree ("segment") WHERE "read_model"."conversations"."type" = 'broadcast' and "read_model"."conversations"."segment" is not null and "read_model"."conversations"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "conversations_for_all" ON "read_model"."conversations" USING btree ("id") WHERE "read_model"."conversations"."type" = 'broadcast' and "read_model"."conversations"."audience" = 'all' and "read_model"."conversations"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "conversations_retention" ON "read_model"."conversations" USING btree ("id") WHERE "read_model"."conversations"."settings" ->> 'retentionDays' is not null and "read_model"."conversations"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "messages_in_threads" ON "read_model"."messages" USING btree ("conversation_id","thread_ordinal","ordinal") WHERE "read_model"."messages"."thread_ordinal" is not null;--> statement-breakpoint
CREATE INDEX "messages_mentioning_all" ON "read_model"."messages" USING btree ("conversation_id","ordinal") WHERE "read_model"."messages"."mentions_all";--> statement-breakpoint
CREATE INDEX "messages_replying" ON "read_model"."messages" USING btree ("reply_to_author","sequence" DESC NULLS FIRST) WHERE "read_model"."messages"."reply_to_author" is not null;--> statement-breakpoint
CREATE INDEX "messages_search" ON "read_model"."messages" USING gin ("search");