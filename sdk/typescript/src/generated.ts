// Made by `npm run generate` of the gateway's OpenAPI document; not to be edited.

export interface paths {
    "/v1/adapters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    cursor?: string;
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["AdapterList"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/adapters/{adapter}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    adapter: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Description"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    action?: string | null;
                    actor?: string | null;
                    cursor?: string;
                    limit?: number;
                    since?: string | null;
                    subject?: string | null;
                    until?: string | null;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["AuditPage"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/budgets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    cursor?: string;
                    limit?: number;
                    name?: string | null;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["BudgetList"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/config": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ConfigView"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/connectors": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    cursor?: string;
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ConnectorList"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/dead-letters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    cursor?: string;
                    key?: string[] | null;
                    limit?: number;
                    reason?: string | null;
                    since?: string | null;
                    topic?: string | null;
                    until?: string | null;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["DeadLetterList"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/dead-letters/{topic}/{partition}/{offset}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    offset: number;
                    partition: number;
                    topic: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["DeadLetterContent"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/dead-letters/{topic}/{partition}/{offset}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    offset: number;
                    partition: number;
                    topic: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ReplayRequest"];
                };
            };
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ReplayedDeadLetter"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/documents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    collection?: string | null;
                    cursor?: string;
                    limit?: number;
                    match?: string | null;
                    tenant?: string | null;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["DocumentList"];
                    };
                };
            };
        };
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["DocumentRequest"];
                };
            };
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SentDocument"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/documents/{document_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    tenant?: string;
                };
                header?: never;
                path: {
                    document_id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["DocumentState"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete: {
            parameters: {
                query?: {
                    collection?: string | null;
                    tenant?: string;
                };
                header?: never;
                path: {
                    document_id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SentDocument"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/documents/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["DocumentsRequest"];
                };
            };
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SentDocuments"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/feedback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    cursor?: string;
                    limit?: number;
                    thumb?: ("up" | "down") | null;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["FeedbackList"];
                    };
                };
            };
        };
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: {
                    "idempotency-key"?: string | null;
                };
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["FeedbackRequest"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Feedback"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            [key: string]: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    cursor?: string;
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["KeyPage"];
                    };
                };
            };
        };
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["KeyRequest"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ShownKey"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/keys/{key_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    key_id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["KeyCard"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/keys/{key_id}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    key_id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["RevocationRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["KeyCard"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/keys/{key_id}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    key_id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["RotationRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ShownKey"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/metrics/query": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    by?: "workflow" | "step" | "model";
                    cursor?: string;
                    limit?: number;
                    window?: number | string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["FigureReport"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ModelList"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models/{model}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    model: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ModelCard"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/prices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    all?: boolean;
                    cursor?: string;
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["PriceList"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/results/{task_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: {
                    prefer?: string | null;
                };
                path: {
                    task_id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Result"];
                    };
                };
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["TaskState"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/runs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    children?: boolean;
                    cursor?: string;
                    limit?: number;
                    status?: ("running" | "succeeded" | "failed" | "cancelled") | null;
                    tenant?: string | null;
                    workflow?: string | null;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RunPage"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/runs/{task_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    task_id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RunView"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sources": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    cursor?: string;
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SourceList"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sources/{source}/sync": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    dry_run?: boolean;
                };
                header?: never;
                path: {
                    source: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SourceState"];
                    };
                };
            };
        };
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    source: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["SyncOptions"];
                };
            };
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RequestedSync"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/spend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    by?: "model" | "workflow" | "tenant" | "day" | "provider" | "step";
                    cursor?: string;
                    limit?: number;
                    tenant?: string | null;
                    window?: number | string;
                    workflow?: string | null;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SpendReport"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    children?: boolean;
                    cursor?: string;
                    ended?: boolean | null;
                    limit?: number;
                    tenant?: string | null;
                    workflow?: string | null;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["TaskPage"];
                    };
                };
            };
        };
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: {
                    "idempotency-key"?: string | null;
                    prefer?: string | null;
                };
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["TaskRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Result"];
                    };
                };
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["TaskState"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{task_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    task_id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["TaskState"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{task_id}/approve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    task_id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["DecisionRequest"];
                };
            };
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["TaskState"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{task_id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: {
                    prefer?: string | null;
                };
                path: {
                    task_id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["CancelRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Result"];
                    };
                };
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["TaskState"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{task_id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: {
                    "last-event-id"?: string | null;
                };
                path: {
                    task_id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "text/event-stream": unknown;
                    };
                };
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{task_id}/feedback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    cursor?: string;
                    limit?: number;
                };
                header?: never;
                path: {
                    task_id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["FeedbackList"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{task_id}/reject": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    task_id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["DecisionRequest"];
                };
            };
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["TaskState"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{task_id}/signals/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                    task_id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["SignalRequest"];
                };
            };
            responses: {
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["TaskState"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/jsonl": string;
                    "application/x-ndjson": string;
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/x-ndjson": string;
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workflows": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    cursor?: string;
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["WorkflowList"];
                    };
                };
            };
        };
        put?: never;
        post: {
            parameters: {
                query?: {
                    dry_run?: boolean;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": Record<string, never>;
                    "application/yaml": string;
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["WorkflowChange"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workflows/{workflow}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    workflow: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            [key: string]: unknown;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workflows/{workflow}/rollback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: {
                    dry_run?: boolean;
                };
                header?: never;
                path: {
                    workflow: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["RollbackRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["WorkflowChange"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workflows/{workflow}/versions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    cursor?: string;
                    limit?: number;
                };
                header?: never;
                path: {
                    workflow: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["WorkflowVersions"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workflows/{workflow}/versions/{version}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    version: number;
                    workflow: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            [key: string]: unknown;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workflows/diff": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": Record<string, never>;
                    "application/yaml": string;
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["WorkflowChange"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workflows/validate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": Record<string, never>;
                    "application/yaml": string;
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["CheckedWorkflow"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Adapter: {
            dialect: string;
            extra: string;
            key: string;
            name: string;
            source: string;
        };
        AdapterList: {
            data: components["schemas"]["Adapter"][];
            next?: string | null;
        };
        Alternative: {
            logprob: number;
            token: string;
        };
        AttemptView: {
            at?: string | null;
            /** @default false */
            awaited?: boolean;
            /** @default false */
            batch?: boolean;
            /** @default  */
            branch?: string;
            /** @default false */
            cached?: boolean;
            /** @default false */
            chosen?: boolean;
            error?: components["schemas"]["Failure"] | null;
            /** @default  */
            finish_reason?: string;
            found?: number | null;
            id: string;
            /** @default false */
            late?: boolean;
            name: string;
            /** @default 1 */
            number?: number;
            /** @default [] */
            plan?: components["schemas"]["PlannedChunk"][];
            /** @default 0 */
            repair?: number;
            /** @default [] */
            repaired?: string[];
            seconds?: number | null;
            /** @default  */
            text?: string;
            /** @default 1 */
            tries?: number;
            until?: string | null;
            /**
             * @default {
             *       "cache_write_tokens": 0,
             *       "cached_input_tokens": 0,
             *       "cost": 0,
             *       "input_tokens": 0,
             *       "output_tokens": 0,
             *       "reasoning_tokens": 0
             *     }
             */
            usage?: components["schemas"]["Usage"];
            /** @enum {string} */
            work: "retrieval" | "model" | "fusion" | "connector" | "workflow";
        };
        AuditEvent: {
            action: string;
            actor: string;
            /** Format: date-time */
            at: string;
            details?: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            id: string;
            subject: string;
        };
        AuditPage: {
            data: components["schemas"]["AuditEvent"][];
            next?: string | null;
        };
        BudgetList: {
            data: components["schemas"]["BudgetRow"][];
            next?: string | null;
        };
        BudgetRow: {
            budget: string;
            limit: number;
            /** @default 0 */
            queue?: number;
            /** Format: date-time */
            renews_at: string;
            /** @default 0 */
            reserved?: number;
            /** @default 0 */
            runs?: number;
            /** @default 0 */
            spent?: number;
            /** @enum {string} */
            when_exceeded: "refuse" | "degrade" | "queue";
        };
        CancelRequest: {
            /** @default  */
            reason?: string;
        };
        Candidate: {
            branch: string;
            /** @default false */
            chosen?: boolean;
            downgraded?: ("batch" | "images" | "logprobs" | "max_tokens" | "reasoning_effort" | "schema" | "seed" | "stop" | "streaming" | "temperature" | "tools" | "top_p")[] | null;
            error?: components["schemas"]["Failure"] | null;
            finish_reason?: string | null;
            logprobs?: components["schemas"]["TokenLogprob"][] | null;
            model: string;
            reasoning?: string | null;
            repaired?: string[] | null;
            /** @default 0 */
            seconds?: number;
            /** @default  */
            text?: string;
            tool_calls?: components["schemas"]["ToolCall"][] | null;
            /**
             * @default {
             *       "cache_write_tokens": 0,
             *       "cached_input_tokens": 0,
             *       "cost": 0,
             *       "input_tokens": 0,
             *       "output_tokens": 0,
             *       "reasoning_tokens": 0
             *     }
             */
            usage?: components["schemas"]["Usage"];
        };
        CheckedWorkflow: {
            problems: components["schemas"]["Finding"][];
            valid: boolean;
            warnings: components["schemas"]["Finding"][];
        };
        ChunkPlace: {
            heading: string;
            id: string;
            lines: [
                number,
                number
            ];
        };
        Citation: {
            document_id: string;
            /** @default  */
            heading?: string;
            lines: [
                number,
                number
            ];
            number: number;
            source: string;
        };
        ConfigView: {
            config: {
                [key: string]: components["schemas"]["JsonValue"];
            };
        };
        ConnectorList: {
            data: components["schemas"]["ConnectorView"][];
            next?: string | null;
        };
        ConnectorView: {
            /** @default false */
            built_in?: boolean;
            /** @default [] */
            headers?: string[];
            kind: string;
            max_concurrency: number;
            name: string;
            timeout: number;
            url?: string | null;
        };
        DeadLetterContent: {
            agent: string;
            error: string;
            headers: components["schemas"]["DeadLetterHeader"][];
            id: string;
            key: string | null;
            offset: number;
            partition: number;
            reason: string;
            replayed: string | null;
            size: number;
            timestamp: string | null;
            topic: string;
            value: string | null;
            value_base64: string | null;
            whole: boolean;
        };
        DeadLetterHeader: {
            name: string;
            value: string | null;
        };
        DeadLetterList: {
            data: components["schemas"]["DeadLetterRow"][];
            next?: string | null;
        };
        DeadLetterRow: {
            agent: string;
            error: string;
            id: string;
            key: string | null;
            offset: number;
            partition: number;
            reason: string;
            replayed: string | null;
            size: number;
            timestamp: string | null;
            topic: string;
            whole: boolean;
        };
        DecisionRequest: {
            /** @default  */
            reason?: string;
        };
        Description: {
            adapter: components["schemas"]["Adapter"];
            example: {
                [key: string]: unknown;
            };
            features: ("batch" | "images" | "logprobs" | "max_tokens" | "reasoning_effort" | "schema" | "seed" | "stop" | "streaming" | "temperature" | "tools" | "top_p")[] | null;
            options: components["schemas"]["Option"][] | null;
            summary: string;
        };
        DocumentList: {
            data: components["schemas"]["ListedDocument"][];
            next?: string | null;
        };
        DocumentRequest: {
            allowed_roles?: string[] | null;
            /** @default default */
            collection?: string;
            content_type?: string | null;
            data?: string | null;
            file_id?: string | null;
            /**
             * @default markdown
             * @enum {string}
             */
            format?: "markdown" | "text";
            id: string;
            metadata?: {
                [key: string]: boolean | number | string | (boolean | number | string)[];
            };
            source?: string | null;
            /** @default  */
            tenant?: string;
            text?: string | null;
        };
        DocumentsRequest: {
            documents: components["schemas"]["DocumentRequest"][];
        };
        DocumentState: {
            allowed_roles?: string[] | null;
            /** @default [] */
            chunks?: components["schemas"]["ChunkPlace"][];
            collection: string;
            error?: components["schemas"]["Failure"] | null;
            id: string;
            ingested_at?: string | null;
            sent_at?: string | null;
            /** @enum {string} */
            status: "pending" | "searchable" | "empty" | "failed" | "deleted";
            /** @default  */
            tenant?: string;
        };
        Failure: {
            code: string;
            message: string;
        };
        Feedback: {
            /** @default  */
            actor?: string;
            /** Format: date-time */
            at: string;
            /** @default  */
            comment?: string;
            correction?: components["schemas"]["JsonValue"];
            id: string;
            score?: number | null;
            task_id: string;
            /** @default  */
            tenant?: string;
            thumb?: ("up" | "down") | null;
        };
        FeedbackList: {
            data: components["schemas"]["Feedback"][];
            next?: string | null;
        };
        FeedbackRequest: {
            /** @default  */
            comment?: string;
            correction?: components["schemas"]["JsonValue"];
            score?: number | null;
            task_id: string;
            thumb?: ("up" | "down") | null;
        };
        FigureReport: {
            /** @enum {string} */
            by: "workflow" | "step" | "model";
            data: components["schemas"]["FigureRow"][];
            next?: string | null;
            queues: components["schemas"]["Queue"][];
            since: string | null;
            until: string | null;
        };
        FigureRow: {
            cost: number;
            count: number;
            error_rate: number;
            errors: {
                [key: string]: number;
            };
            longest: number | null;
            name: string;
            p50: number | null;
            p95: number | null;
            p99: number | null;
            rate: number;
        };
        Finding: {
            at: string;
            line?: number | null;
            message: string;
        };
        JsonValue: unknown;
        KeyCard: {
            /** Format: date-time */
            created_at: string;
            created_by: string;
            expires_at?: string | null;
            id: string;
            models?: string[] | null;
            owner: string;
            prefix: string;
            requests_per_minute?: number | null;
            revoked_at?: string | null;
            roles: string[];
            spend_limit?: number | null;
            spend_period: number;
            tenant?: string | null;
            used_at?: string | null;
            workflows?: string[] | null;
        };
        KeyPage: {
            data: components["schemas"]["KeyCard"][];
            next?: string | null;
        };
        KeyRequest: {
            expires_at?: string | null;
            models?: string[] | null;
            owner: string;
            requests_per_minute?: number | null;
            roles: string[];
            spend_limit?: number | null;
            /** @default 2592000 */
            spend_period?: number;
            tenant?: string | null;
            workflows?: string[] | null;
        };
        ListedDocument: {
            allowed_roles?: string[] | null;
            chunks: number;
            collection: string;
            id: string;
            /** Format: date-time */
            ingested_at: string;
            source: string;
            /** @default  */
            tenant?: string;
            title: string;
        };
        ListedPrice: {
            /** @default  */
            as_of?: string;
            cached_input?: number | null;
            input?: number | null;
            known: boolean;
            /** @default  */
            model?: string;
            output?: number | null;
            provider: string;
            provider_model: string;
            reasoning?: number | null;
            /** @default  */
            source?: string;
        };
        ListedSource: {
            collection: string;
            /** @default 0 */
            documents?: number;
            kind: string;
            name: string;
            schedule?: number | null;
            sync?: components["schemas"]["SourceState"] | null;
            synced_at?: string | null;
            /** @default  */
            tenant?: string;
        };
        ModelCard: {
            /** @default 0 */
            created?: number;
            id: string;
            /**
             * @default model
             * @constant
             */
            object?: "model";
            owned_by: string;
        };
        ModelList: {
            data: components["schemas"]["ModelCard"][];
            /**
             * @default list
             * @constant
             */
            object?: "list";
        };
        Option: {
            default: unknown;
            description: string;
            name: string;
        };
        PlannedChunk: {
            id: string;
            into?: string | null;
            /** @enum {string} */
            outcome: "kept" | "cut" | "merged" | "repeated" | "no_room";
            /** @default 0 */
            tokens?: number;
        };
        PriceList: {
            data: components["schemas"]["ListedPrice"][];
            next?: string | null;
        };
        Problem: {
            code: string;
            detail: string;
            /** @default null */
            errors?: components["schemas"]["ProblemPlace"][] | null;
            request_id: string;
            status: number;
            title: string;
            type: string;
        };
        ProblemPlace: {
            at: string;
            /** @default null */
            line?: number | null;
            message: string;
        };
        Queue: {
            topic: string;
            waiting: number;
        };
        ReplayedDeadLetter: {
            corrected: boolean;
            id: string;
            topic: string;
        };
        ReplayRequest: {
            value?: {
                [key: string]: components["schemas"]["JsonValue"];
            } | null;
            value_base64?: string | null;
        };
        RequestedSync: {
            source: string;
            state: string;
            /**
             * @default pending
             * @constant
             */
            status?: "pending";
            sync: string;
        };
        Result: {
            /** Format: date-time */
            accepted_at: string;
            agreement?: number | null;
            answer?: components["schemas"]["JsonValue"];
            /** @default [] */
            candidates?: components["schemas"]["Candidate"][];
            /** @default [] */
            citations?: components["schemas"]["Citation"][];
            confidence?: number | null;
            /** @default false */
            degraded?: boolean;
            error?: components["schemas"]["Failure"] | null;
            /** Format: date-time */
            finished_at: string;
            /** @default  */
            fusion?: string;
            /** @default [] */
            groups?: string[][];
            metadata?: {
                [key: string]: string;
            };
            /** @default  */
            reason?: string;
            /** @enum {string} */
            status: "succeeded" | "failed" | "cancelled";
            /** @default [] */
            steps?: components["schemas"]["StepReport"][];
            task_id: string;
            tenant?: string | null;
            tool_calls?: components["schemas"]["ToolCall"][] | null;
            /**
             * @default {
             *       "cache_write_tokens": 0,
             *       "cached_input_tokens": 0,
             *       "cost": 0,
             *       "input_tokens": 0,
             *       "output_tokens": 0,
             *       "reasoning_tokens": 0
             *     }
             */
            usage?: components["schemas"]["Usage"];
            warnings?: string[] | null;
            workflow: string;
            /** @default 1 */
            workflow_version?: number;
        };
        RevocationRequest: Record<string, never>;
        RollbackRequest: {
            to?: number | null;
        };
        RotationRequest: {
            /** @default 86400 */
            overlap?: number;
        };
        RunPage: {
            data: components["schemas"]["RunSummary"][];
            next?: string | null;
        };
        RunSummary: {
            /** Format: date-time */
            accepted_at: string;
            cost?: number | null;
            degraded?: boolean | null;
            error?: string | null;
            id: string;
            parent: string;
            seconds?: number | null;
            /** @enum {string} */
            status: "running" | "succeeded" | "failed" | "cancelled";
            tenant: string;
            tokens?: number | null;
            version?: number | null;
            workflow: string;
        };
        RunView: {
            accepted_at?: string | null;
            /** Format: date-time */
            at: string;
            deadline?: string | null;
            /** @default  */
            parent?: string;
            result?: components["schemas"]["Result"] | null;
            /** @default [] */
            signals?: components["schemas"]["SignalView"][];
            /** @enum {string} */
            status: "running" | "succeeded" | "failed" | "cancelled";
            /** @default [] */
            steps?: components["schemas"]["StepView"][];
            task_id: string;
            /** @default 0 */
            version?: number;
            /** @default  */
            waits?: string;
            workflow: string;
        };
        SentDocument: {
            id: string;
            state: string;
            /**
             * @default pending
             * @constant
             */
            status?: "pending";
        };
        SentDocuments: {
            data: components["schemas"]["SentDocument"][];
        };
        ShownKey: {
            /** Format: date-time */
            created_at: string;
            created_by: string;
            expires_at?: string | null;
            id: string;
            key: string;
            models?: string[] | null;
            owner: string;
            prefix: string;
            requests_per_minute?: number | null;
            revoked_at?: string | null;
            roles: string[];
            spend_limit?: number | null;
            spend_period: number;
            tenant?: string | null;
            used_at?: string | null;
            workflows?: string[] | null;
        };
        SignalRequest: {
            payload?: components["schemas"]["JsonValue"];
        };
        SignalView: {
            actor: string;
            /** Format: date-time */
            at: string;
            kind: string;
            name: string;
        };
        SourceList: {
            data: components["schemas"]["ListedSource"][];
            next?: string | null;
        };
        SourceState: {
            /** @default  */
            actor?: string;
            /**
             * @default {
             *       "deleted": 0,
             *       "failed": 0,
             *       "found": 0,
             *       "sent": 0,
             *       "unchanged": 0
             *     }
             */
            counts?: components["schemas"]["SyncCounts"];
            /** @default 0 */
            documents?: number;
            /** @default false */
            dry_run?: boolean;
            error?: components["schemas"]["Failure"] | null;
            finished_at?: string | null;
            /** @default false */
            full?: boolean;
            /** @default 0 */
            page?: number;
            pending?: string | null;
            /**
             * @default items
             * @enum {string}
             */
            phase?: "items" | "gone";
            position?: components["schemas"]["JsonValue"];
            /** @default [] */
            problems?: components["schemas"]["SyncProblem"][];
            slot?: number | null;
            source: string;
            /** Format: date-time */
            started_at: string;
            /**
             * @default running
             * @enum {string}
             */
            status?: "running" | "succeeded" | "failed";
            sync: string;
            /**
             * @default command
             * @enum {string}
             */
            trigger?: "schedule" | "change" | "command";
            /** Format: date-time */
            updated_at: string;
        };
        SpendReport: {
            data: components["schemas"]["SpendRow"][];
            next?: string | null;
            total: components["schemas"]["SpendRow"];
        };
        SpendRow: {
            by: ("model" | "workflow" | "tenant" | "day" | "provider" | "step") | "total";
            cached_input_tokens: number;
            calls: number;
            cost: number;
            estimated_tokens: number;
            given_up: number;
            input_tokens: number;
            name: string;
            output_tokens: number;
            reasoning_tokens: number;
            saved: number;
            share: number;
            unpriced_tokens: number;
        };
        StepReport: {
            /** @default 1 */
            attempts?: number;
            error?: components["schemas"]["Failure"] | null;
            kind: string;
            /** @default  */
            reason?: string;
            seconds: number;
            started_at?: string | null;
            /** @enum {string} */
            status: "succeeded" | "failed" | "skipped";
            step: string;
            /**
             * @default {
             *       "cache_write_tokens": 0,
             *       "cached_input_tokens": 0,
             *       "cost": 0,
             *       "input_tokens": 0,
             *       "output_tokens": 0,
             *       "reasoning_tokens": 0
             *     }
             */
            usage?: components["schemas"]["Usage"];
        };
        StepView: {
            /** @default [] */
            attempts?: components["schemas"]["AttemptView"][];
            ended_at?: string | null;
            error?: components["schemas"]["Failure"] | null;
            /** @default  */
            kind?: string;
            name: string;
            /** @default 1 */
            number?: number;
            /** @default  */
            reason?: string;
            seconds?: number | null;
            started_at?: string | null;
            /** @default running */
            status?: string;
            /**
             * @default {
             *       "cache_write_tokens": 0,
             *       "cached_input_tokens": 0,
             *       "cost": 0,
             *       "input_tokens": 0,
             *       "output_tokens": 0,
             *       "reasoning_tokens": 0
             *     }
             */
            usage?: components["schemas"]["Usage"];
            /** @default  */
            waits?: string;
        };
        SyncCounts: {
            /** @default 0 */
            deleted?: number;
            /** @default 0 */
            failed?: number;
            /** @default 0 */
            found?: number;
            /** @default 0 */
            sent?: number;
            /** @default 0 */
            unchanged?: number;
        };
        SyncOptions: {
            /** @default false */
            dry_run?: boolean;
            /** @default false */
            full?: boolean;
        };
        SyncProblem: {
            error: components["schemas"]["Failure"];
            item: string;
        };
        TaskPage: {
            data: components["schemas"]["TaskRow"][];
            next?: string | null;
        };
        TaskRequest: {
            deadline?: string | null;
            input: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            metadata?: {
                [key: string]: string;
            };
            /**
             * @default continue
             * @enum {string}
             */
            on_disconnect?: "cancel" | "continue";
            priority?: number | null;
            /** @default [] */
            roles?: string[];
            /** @default  */
            tenant?: string;
            version?: number | null;
            webhook?: string | null;
            /** @default ask */
            workflow?: string;
        };
        TaskRow: {
            /** Format: date-time */
            accepted_at: string;
            id: string;
            metadata: {
                [key: string]: string;
            };
            /** @default  */
            parent?: string;
            /** @enum {string} */
            status: "accepted" | "succeeded" | "failed" | "cancelled";
            /** @default  */
            tenant?: string;
            workflow: string;
        };
        TaskState: {
            id: string;
            result: string;
            /** @enum {string} */
            status: "accepted" | "succeeded" | "failed" | "cancelled";
        };
        TokenLogprob: {
            logprob: number;
            token: string;
            /** @default [] */
            top?: components["schemas"]["Alternative"][];
        };
        ToolCall: {
            /** @default  */
            arguments?: string;
            id: string;
            name: string;
        };
        Usage: {
            /** @default 0 */
            cache_write_tokens?: number;
            /** @default 0 */
            cached_input_tokens?: number;
            /** @default 0 */
            cost?: number;
            /** @default 0 */
            input_tokens?: number;
            /** @default 0 */
            output_tokens?: number;
            /** @default 0 */
            reasoning_tokens?: number;
        };
        WorkflowChange: {
            before: number | null;
            /** @enum {string} */
            change: "new" | "version" | "activate" | "unchanged";
            diff: string;
            digest: string;
            dry_run: boolean;
            version: number;
            warnings?: components["schemas"]["Finding"][];
            workflow: string;
        };
        WorkflowList: {
            data: components["schemas"]["WorkflowSummary"][];
            next?: string | null;
        };
        WorkflowSummary: {
            /** @default  */
            description?: string;
            id: string;
            input: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            version: number;
            versions: number[];
        };
        WorkflowVersion: {
            active: boolean;
            /** @default  */
            actor?: string;
            deployed_at?: string | null;
            digest: string;
            version: number;
        };
        WorkflowVersions: {
            data: components["schemas"]["WorkflowVersion"][];
            next?: string | null;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type Adapter = components['schemas']['Adapter'];
export type AdapterList = components['schemas']['AdapterList'];
export type Alternative = components['schemas']['Alternative'];
export type AttemptView = components['schemas']['AttemptView'];
export type AuditEvent = components['schemas']['AuditEvent'];
export type AuditPage = components['schemas']['AuditPage'];
export type BudgetList = components['schemas']['BudgetList'];
export type BudgetRow = components['schemas']['BudgetRow'];
export type CancelRequest = components['schemas']['CancelRequest'];
export type Candidate = components['schemas']['Candidate'];
export type CheckedWorkflow = components['schemas']['CheckedWorkflow'];
export type ChunkPlace = components['schemas']['ChunkPlace'];
export type Citation = components['schemas']['Citation'];
export type ConfigView = components['schemas']['ConfigView'];
export type ConnectorList = components['schemas']['ConnectorList'];
export type ConnectorView = components['schemas']['ConnectorView'];
export type DeadLetterContent = components['schemas']['DeadLetterContent'];
export type DeadLetterHeader = components['schemas']['DeadLetterHeader'];
export type DeadLetterList = components['schemas']['DeadLetterList'];
export type DeadLetterRow = components['schemas']['DeadLetterRow'];
export type DecisionRequest = components['schemas']['DecisionRequest'];
export type Description = components['schemas']['Description'];
export type DocumentList = components['schemas']['DocumentList'];
export type DocumentRequest = components['schemas']['DocumentRequest'];
export type DocumentsRequest = components['schemas']['DocumentsRequest'];
export type DocumentState = components['schemas']['DocumentState'];
export type Failure = components['schemas']['Failure'];
export type Feedback = components['schemas']['Feedback'];
export type FeedbackList = components['schemas']['FeedbackList'];
export type FeedbackRequest = components['schemas']['FeedbackRequest'];
export type FigureReport = components['schemas']['FigureReport'];
export type FigureRow = components['schemas']['FigureRow'];
export type Finding = components['schemas']['Finding'];
export type JsonValue = components['schemas']['JsonValue'];
export type KeyCard = components['schemas']['KeyCard'];
export type KeyPage = components['schemas']['KeyPage'];
export type KeyRequest = components['schemas']['KeyRequest'];
export type ListedDocument = components['schemas']['ListedDocument'];
export type ListedPrice = components['schemas']['ListedPrice'];
export type ListedSource = components['schemas']['ListedSource'];
export type ModelCard = components['schemas']['ModelCard'];
export type ModelList = components['schemas']['ModelList'];
export type Option = components['schemas']['Option'];
export type PlannedChunk = components['schemas']['PlannedChunk'];
export type PriceList = components['schemas']['PriceList'];
export type Problem = components['schemas']['Problem'];
export type ProblemPlace = components['schemas']['ProblemPlace'];
export type Queue = components['schemas']['Queue'];
export type ReplayedDeadLetter = components['schemas']['ReplayedDeadLetter'];
export type ReplayRequest = components['schemas']['ReplayRequest'];
export type RequestedSync = components['schemas']['RequestedSync'];
export type Result = components['schemas']['Result'];
export type RevocationRequest = components['schemas']['RevocationRequest'];
export type RollbackRequest = components['schemas']['RollbackRequest'];
export type RotationRequest = components['schemas']['RotationRequest'];
export type RunPage = components['schemas']['RunPage'];
export type RunSummary = components['schemas']['RunSummary'];
export type RunView = components['schemas']['RunView'];
export type SentDocument = components['schemas']['SentDocument'];
export type SentDocuments = components['schemas']['SentDocuments'];
export type ShownKey = components['schemas']['ShownKey'];
export type SignalRequest = components['schemas']['SignalRequest'];
export type SignalView = components['schemas']['SignalView'];
export type SourceList = components['schemas']['SourceList'];
export type SourceState = components['schemas']['SourceState'];
export type SpendReport = components['schemas']['SpendReport'];
export type SpendRow = components['schemas']['SpendRow'];
export type StepReport = components['schemas']['StepReport'];
export type StepView = components['schemas']['StepView'];
export type SyncCounts = components['schemas']['SyncCounts'];
export type SyncOptions = components['schemas']['SyncOptions'];
export type SyncProblem = components['schemas']['SyncProblem'];
export type TaskPage = components['schemas']['TaskPage'];
export type TaskRequest = components['schemas']['TaskRequest'];
export type TaskRow = components['schemas']['TaskRow'];
export type TaskState = components['schemas']['TaskState'];
export type TokenLogprob = components['schemas']['TokenLogprob'];
export type ToolCall = components['schemas']['ToolCall'];
export type Usage = components['schemas']['Usage'];
export type WorkflowChange = components['schemas']['WorkflowChange'];
export type WorkflowList = components['schemas']['WorkflowList'];
export type WorkflowSummary = components['schemas']['WorkflowSummary'];
export type WorkflowVersion = components['schemas']['WorkflowVersion'];
export type WorkflowVersions = components['schemas']['WorkflowVersions'];
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
